"""Folds: which rows they are made of, and what they keep together."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit

from sklearn_logitprod.targets.folds import (
    check_repeats,
    fold_rows,
    make_splits,
    repeated_splits,
    search_splits,
)

N = 60
STRATA = np.arange(N) % 2
GROUPS = np.arange(N) // 5
TOLD = np.arange(N)[np.arange(N) % 3 > 0]
EVERY = np.arange(N)


def same(one, two):
    """Whether two lists of splits are alike."""
    return [list(map(list, split)) for split in one] == [list(map(list, split)) for split in two]


def test_splits_are_made_of_the_rows_that_are_told():
    splits = search_splits(4, STRATA, None, 0, shuffle=True, told=TOLD)
    assert len(splits) == 4
    assert_array_equal(np.sort(np.concatenate([test for _, test in splits])), TOLD)
    for train, test in splits:
        assert_array_equal(np.sort(np.append(train, test)), TOLD)
        assert np.bincount(STRATA[test]).tolist() == [5, 5]
    assert same(splits, search_splits(4, STRATA, None, 0, shuffle=True, told=TOLD))
    assert not same(splits, search_splits(4, STRATA, None, 1, shuffle=True, told=TOLD))
    assert same(
        search_splits(4, STRATA, None, 0, shuffle=True),
        search_splits(4, STRATA, None, 0, shuffle=True, told=EVERY),
    )
    # other splits are taken as they are
    assert len(search_splits(KFold(3), STRATA, None, 0, told=TOLD)[0][1]) == N // 3


def test_numbers_of_folds_are_shuffled_on_demand_or_with_groups():
    plain = search_splits(3, STRATA, None, 0)
    assert_array_equal(plain[0][1], np.arange(N // 3))
    assert same(plain, search_splits(3, STRATA, None, 1))
    grouped = search_splits(3, STRATA, GROUPS, 0)
    assert not same(grouped, search_splits(3, STRATA, GROUPS, 1))
    for own in (grouped, search_splits(3, STRATA, GROUPS, 0, told=TOLD)):
        for train, test in own:
            assert not np.isin(GROUPS[train], GROUPS[test]).any()


def test_rows_that_are_not_told_are_held_out_by_the_first_split():
    splits = make_splits(4, STRATA, None, 0, told=TOLD)
    rest = np.setdiff1d(EVERY, TOLD)
    assert np.isin(rest, splits[0][1]).all()
    assert not any(np.isin(rest, train).any() for train, _ in splits)
    assert_array_equal(np.sort(np.concatenate([test for _, test in splits])), EVERY)


def test_a_partition_is_needed():
    twice = [(EVERY[20:], EVERY[:20]), (EVERY[:20], EVERY[20:]), (EVERY[20:], EVERY[:10])]
    advice = r"some of them 2 times; .* such as cv=5, or a splitter like KFold\.$"
    with pytest.raises(ValueError, match=rf"splits of cv=\.\.\. hold out 60 of 60 rows, {advice}"):
        make_splits(twice, STRATA, None, 0)
    with pytest.raises(ValueError, match=r"hold out 20 of 60 rows, some of them 1 times"):
        make_splits(twice[:1], STRATA, None, 0)


def test_folds_of_the_automatic_path_are_positions_among_the_kept_rows():
    held_out = fold_rows(5, STRATA, None, TOLD, 0)
    assert_array_equal(np.sort(np.concatenate(held_out)), np.arange(len(TOLD)))
    assert all(np.bincount(STRATA[TOLD][test]).tolist() == [4, 4] for test in held_out)
    tenth = EVERY // 10
    split = PredefinedSplit(np.where(tenth < 3, tenth, -1))
    for fold, test in enumerate(fold_rows(split, STRATA, None, TOLD, 0)):
        assert_array_equal(TOLD[test], np.intersect1d(TOLD, np.flatnonzero(tenth == fold)))
    # a fold of rows that do not count is none
    assert len(fold_rows(split, STRATA, None, EVERY[10:], 0)) == 2


def test_strata_are_divided_as_long_as_one_has_a_row_for_each_fold():
    ten_each = EVERY // 10
    assert all(
        (np.bincount(ten_each[test]) == 1).all() for test in fold_rows(10, ten_each, None, EVERY, 0)
    )
    assert len(fold_rows(12, ten_each, None, EVERY, 0)) == 12


def test_two_groups_are_two_folds():
    two = (EVERY >= 20).astype(int)
    sizes = [len(test) for test in fold_rows(5, STRATA, two, EVERY, 0)]
    assert sorted(sizes) == [20, 40]
    with pytest.raises(ValueError, match="groups has a single group"):
        fold_rows(5, STRATA, two, EVERY[20:], 0)


@pytest.mark.parametrize("cv", [3, GroupKFold(3)])
@pytest.mark.parametrize("strata", [STRATA, EVERY])
def test_folds_of_groups_divide_none(cv, strata):
    held_out = fold_rows(cv, strata, GROUPS, EVERY, 0)
    assert len(held_out) == 3
    assert sum(len(np.unique(GROUPS[test])) for test in held_out) == len(np.unique(GROUPS))


def test_repeats_test_each_row_once():
    repeats = repeated_splits(3, 2, STRATA, None, 0)
    assert [len(repeat) for repeat in repeats] == [3, 3]
    for repeat in repeats:
        assert_array_equal(np.sort(np.concatenate([test for _, test in repeat])), EVERY)
    assert not same(*repeats)
    assert same(repeats[1], repeated_splits(3, 1, STRATA, None, 1)[0])
    given = [(EVERY[20:], EVERY[:20]), (EVERY[:20], EVERY[20:]), (EVERY[30:], EVERY[:30])]
    assert [len(repeat) for repeat in repeated_splits(given, 9, STRATA, None, 0)] == [2, 1]


def test_repeats_of_rows_that_are_told():
    for repeat in repeated_splits(3, 2, STRATA, GROUPS, 0, TOLD):
        assert_array_equal(np.sort(np.concatenate([test for _, test in repeat])), TOLD)
        for train, test in repeat:
            assert not np.isin(GROUPS[train], GROUPS[test]).any()
    # other splits are of all rows, of which these are left
    given = [(EVERY[1:], EVERY[:1]), (EVERY[:10], EVERY[10:])]
    ((split,),) = repeated_splits(given, 1, STRATA, None, 0, EVERY[5:])
    assert same([split], [(EVERY[5:10], EVERY[10:])])


@pytest.mark.parametrize(
    ("cv", "n_repeats", "message"),
    [
        (1, 1, r"cv=1 makes no folds: 2 at least are needed, better 5\.$"),
        (2, 0, r"n_repeats=0 is too few: 1 at least is needed\.$"),
        (2, 1.5, r"^n_repeats=1\.5 is no whole number\.$"),
        (2, True, r"^n_repeats=True is no whole number\.$"),
    ],
)
def test_numbers_that_make_no_comparison(cv, n_repeats, message):
    check_repeats(2, 1)
    with pytest.raises(ValueError, match=message):
        check_repeats(cv, n_repeats)


def test_more_folds_than_groups_or_samples_alike():
    for splits in (search_splits, lambda cv, *own: repeated_splits(cv, 1, *own)):
        with pytest.raises(ValueError, match=r"^13 folds need as many groups, but there are 12 at"):
            splits(13, STRATA, GROUPS, 0)
        rare = r"^4 folds need as many samples that are alike in y, but there are 3 at most\. Take "
        with pytest.raises(ValueError, match=rf"{rare}fewer folds, or more samples\.$"):
            splits(4, EVERY // 3, GROUPS, 0)
    assert len(search_splits(12, STRATA, GROUPS, 0)) == 12
