// Makes docs/report.svg, the picture of the README, of a report: node picture.cjs MODULES REPORT.html OUT.svg
// It is the page itself, cut to its first screen and its timeline, as an SVG that shows HTML.
const { createRequire } = require("module");
const fs = require("fs");
const require_ = createRequire(process.argv[2] + "/");
const { chromium } = require_("playwright-core");
(async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1000, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  await page.goto("file://" + process.argv[3]);
  const [xml, height] = await page.evaluate(() => {
    const drop = (selector) => document.querySelectorAll(selector).forEach((it) => it.remove());
    drop("nav"); drop("#checks"); drop("#gaps"); drop("#further"); drop("#provenance"); drop("#definition"); drop("meta"); drop("title:not(svg title)");
    document.querySelectorAll("section").forEach((s) => { if (!["causes", "rollout"].includes(s.id)) s.remove(); });
    const articles = [...document.querySelectorAll("#causes article")];
    articles.slice(1).forEach((it) => it.remove());
    // The last of the log lines.
    const pres = [...articles[0].querySelectorAll("pre")];
    const last = pres[pres.length - 1];
    const lines = last.textContent.trimEnd().split("\n");
    last.textContent = lines.slice(-6).join("\n");
    articles[0].querySelectorAll("details").forEach((it) => { it.open = true; });
    drop("footer"); drop("#causes ul"); drop("#causes > p");
    const body = document.body;
    body.style.margin = "0";
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    return [new XMLSerializer().serializeToString(document.documentElement), height];
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${height}" width="1000" height="${height}">\n<foreignObject width="1000" height="${height}">\n${xml}\n</foreignObject>\n</svg>\n`;
  fs.writeFileSync(process.argv[4], svg);
  await browser.close();
  console.log(height, svg.length);
})();
