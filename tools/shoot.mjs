// Pictures of pages: node shoot.mjs NODE_MODULES PAGE.html OUT.png [light|dark|narrow|print] [HEIGHT]
//
// HEIGHT is of the part of the page that is shown, from its top; without it, all of it.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, page, out, look = "light", height] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), "none.js"));
const { chromium } = require("playwright-core");
const WIDTH = { narrow: 390, print: 800 };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({
  viewport: { width: WIDTH[look] || 1200, height: 1000 },
  colorScheme: look === "dark" ? "dark" : "light",
});
const tab = await context.newPage();
await tab.goto(pathToFileURL(path.resolve(page)).href);
await tab.waitForSelector("html[data-ready]", { state: "attached" });
if (look === "print")
  await tab.emulateMedia({ media: "print" });

// Pictures are drawn when they come into view, and take another height then: twice is enough.
for (let turn = 0; turn < 2; turn++) {
  const whole = await tab.evaluate(() => document.body.getBoundingClientRect().bottom + 24);
  await tab.setViewportSize({ width: WIDTH[look] || 1200, height: Math.ceil(Math.min(Number(height) || whole, whole)) });
  await tab.waitForTimeout(1000);
}
await tab.screenshot({ path: out });
await browser.close();
