// Opens pages in one browser and runs cases on them: node harness.mjs NODE_MODULES PAGES [CASE...]
//
// Prints one line of JSON for each case: {"name", "error", "notes"}.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { cases } from "./cases.mjs";

const [modules, pages, ...wanted] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), "none.js"));
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");
const PATIENCE_MS = 60000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

const opened = new Map();

// Cases that ask for nothing special share a page, put back to where it began: opening takes longer than most of them.
async function sharedPage(name) {
  if (!opened.has(name))
    opened.set(name, await openPage(name, {}, []));
  const shared = opened.get(name);
  await shared.page.mouse.move(0, 0);
  await shared.page.evaluate(() => {
    scrollTo(0, 0);
    tacho.span.reset();
    tacho.span.point(null);
  });
  return shared;
}

// A page of its own for a case; whatever it says, asks for or throws is kept.
async function openPage(name, options, keep) {
  const { hash = "", ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1240, height: 900 }, ...rest });
  const page = await context.newPage();
  const url = pathToFileURL(path.join(path.resolve(pages), name + ".html")).href;
  const troubles = [];
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", message => troubles.push("console: " + message.text()));
  page.on("pageerror", error => troubles.push("error: " + error.stack));
  page.on("dialog", dialog => { troubles.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", request => {
    if (request.url().split("#")[0] !== url)
      troubles.push("request: " + request.url());
  });
  await page.goto(url + hash);
  if (rest.javaScriptEnabled !== false)
    await page.waitForSelector("html[data-ready]", { state: "attached" });
  keep.push(context);
  return { page, troubles, axe };
}

for (const { name, run } of cases) {
  if (wanted.length && !wanted.includes(name))
    continue;
  const notes = [];
  const contexts = [];
  const began = performance.now();
  let error = null;
  try {
    await run({
      open: (page, options) => options ? openPage(page, options, contexts) : sharedPage(page),
      note: text => notes.push(text),
    });
  } catch (thrown) {
    error = String(thrown.stack || thrown);
  }
  for (const context of contexts)
    await context.close();
  console.log(JSON.stringify({ name, error, notes, ms: Math.round(performance.now() - began) }));
}
await browser.close();
