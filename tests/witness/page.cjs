// Opens a page in Chromium, in light and dark, at three widths: node page.cjs CHROMIUM PAGE FOLDER
// Prints as JSON what the console said, what was asked for, what axe-core finds, and whether the page is too wide.
const { readFileSync } = require("fs");
const { createRequire } = require("module");
const require_ = createRequire(process.cwd() + "/");
const { chromium } = require_("playwright-core");

(async () => {
  const [executablePath, file, folder] = process.argv.slice(2);
  const axe = readFileSync(require_.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const seen = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [400, 800, 1200]) {
      // The page forbids every script: axe needs one.
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
      const page = await context.newPage();
      const said = [];
      const asked = [];
      page.on("console", (message) => said.push(message.text()));
      page.on("pageerror", (error) => said.push(String(error)));
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(`file://${file}`);
      await page.screenshot({ path: `${folder}/${colorScheme}-${width}.png` });
      const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
      const first = await page.evaluate(() => document.querySelector("header").getBoundingClientRect().bottom < innerHeight);
      await page.addScriptTag({ content: axe });
      const found = await page.evaluate(() => axe.run());
      const violations = found.violations.map((it) => `${it.id}: ${it.nodes[0].html.slice(0, 120)}`);
      if (colorScheme === "light" && width === 1200) await page.pdf({ path: `${folder}/page.pdf`, format: "A4" });
      seen.push({ colorScheme, width, said, asked, tooWide, first, violations });
      await context.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(seen));
})();
