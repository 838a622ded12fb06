// Findings of axe-core on pages that are opened from files. Called by .ci/accessibility.
const path = require("path");
const { pathToFileURL } = require("url");
const puppeteer = require("puppeteer-core");
const axe = require("axe-core");

const grave = new Set(["serious", "critical"]);
const views = [];
for (const width of [1280, 400]) for (const scheme of ["light", "dark"]) views.push({ width, scheme });

async function look(browser, file, { width, scheme }) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(pathToFileURL(path.resolve(file)).href, { waitUntil: "load" });
  // colours that are still on their way from one to another are nobody's
  await page.addStyleTag({ content: "* { transition: none !important; }" });
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => axe.run(document));
  const sideways = await page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - window.innerWidth;
    return wide > 0 ? wide : 0;
  });
  await page.close();
  return { violations, sideways };
}

async function main(files) {
  if (!files.length) throw new Error("name the pages: .ci/accessibility PAGE.html ...");
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  args.push("--allow-file-access-from-files");
  let browser;
  try {
    browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args });
  } catch (error) {
    console.error(`NOT CHECKED: Chromium does not start: ${error.message}`);
    process.exit(3);
  }
  let bad = 0;
  for (const file of files)
    for (const view of views) {
      const { violations, sideways } = await look(browser, file, view);
      const where = `${file} at ${view.width} px, ${view.scheme}`;
      const own = violations.filter((one) => grave.has(one.impact));
      console.log(`${where}: ${own.length} serious, ${violations.length - own.length} lesser`);
      for (const one of violations) {
        console.log(`  ${one.impact}: ${one.id}, ${one.help} (${one.nodes.length} places)`);
        if (grave.has(one.impact))
          for (const node of one.nodes.slice(0, 5))
            console.log(`    ${node.target.join(" ")}: ${node.failureSummary.split("\n").pop().trim()}`);
      }
      bad += own.length;
      if (sideways && view.width === 400) {
        console.log(`  serious: the page scrolls sideways by ${sideways} px`);
        bad += 1;
      }
    }
  await browser.close();
  console.log(bad ? `${bad} serious findings` : `no serious finding on ${files.length} pages`);
  process.exit(bad ? 1 : 0);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(2);
});
