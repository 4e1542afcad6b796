// What the page must do in a browser. Each case opens its pages itself and throws when something is not so.

import assert from "node:assert/strict";

export const cases = [];

function test(name, run) {
  cases.push({ name, run });
}

const PICTURE = "#charts figure.chart";

// Polls, since pictures are drawn a frame or so after what causes it.
async function until(what, holds) {
  const end = Date.now() + 60000;
  let last;
  for (;;) {
    last = await holds();
    if (last)
      return last;
    assert.ok(Date.now() < end, "never came true: " + what);
    await new Promise(done => setTimeout(done, 20));
  }
}

const shown = page => page.evaluate(() => ({ ...tacho.span.shown }));
const caption = (page, i) => page.locator(PICTURE).nth(i).locator("figcaption").innerText();

async function plotBox(page, i = 0) {
  const plot = page.locator(PICTURE + " .plot").nth(i);
  await plot.scrollIntoViewIfNeeded();
  return plot.boundingBox();
}

// Of a few frames of all that is near the window, the quickest: how long it takes, not how busy the machine is.
function frameMs(page) {
  return page.evaluate(() => {
    tacho.span.reset();
    let least = Infinity;
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      tacho.pictures.changed();
      least = Math.min(least, performance.now() - began);
    }
    return least;
  });
}

// The list is made when it is first opened, a moment after the click.
async function openLabels(page) {
  await page.locator(".label-list summary").click();
  await page.locator(".label-list li").first().waitFor();
}

// How many different colours a canvas has, and the greatest share of any one of its pixels' colours.
function colours(page, selector) {
  return page.evaluate(selector => {
    const canvas = document.querySelector(selector);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4)
      found.add(data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3]);
    return found.size;
  }, selector);
}

test("opens from a file without a word, a request or an error", async ({ open, note }) => {
  for (const name of ["pipeline", "big"]) {
    const { page, troubles } = await open(name);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    const first = await page.evaluate(() => performance.getEntriesByName("chart")[0].startTime);
    note(`${name}: first chart after ${first.toFixed(0)} ms`);
    assert.deepEqual(troubles, []);
    assert.equal(await page.locator(".problem").count(), 0);
  }
});

test("curves and time lines are drawn", async ({ open }) => {
  const { page } = await open("pipeline");
  await page.locator("#process-lanes .scroller").scrollIntoViewIfNeeded();
  await page.locator("#scope-lanes .scroller").first().scrollIntoViewIfNeeded();
  for (const [selector, least] of [[PICTURE + " canvas", 20], ["#process-lanes canvas", 6], ["#scope-lanes canvas", 5], [".time-axis canvas", 4]])
    await until(selector + " has colours", async () => await colours(page, selector) >= least);
  assert.equal(await page.locator(PICTURE + " canvas").count(), await page.locator(PICTURE).count());
});

test("columns are read as they were written", async ({ open }) => {
  const { page } = await open("big");
  const found = await page.evaluate(async () => {
    const [spike, gaps] = await Promise.all(tacho.contents.charts.map(chart => tacho.unpack.column(chart.lines[0].mean)));
    return { count: spike.length, some: [0, 1, 65535].map(i => spike[i]), gaps: [19999, 20000, 29999, 30000].map(i => String(gaps[i])) };
  });
  const expected = [0, 1, 65535].map(i => Math.round((100 + 50 * Math.sin(i / 3000)) * 1000) / 1000);
  assert.equal(found.count, 65536);
  assert.deepEqual(found.some, expected);
  assert.deepEqual(found.gaps, ["99", "NaN", "NaN", "0"]);
});

test("levels hold the least, the mean and the greatest of any stretch", async ({ open }) => {
  const { page } = await open("damaged");
  const wrong = await page.evaluate(() => {
    let seed = 1;
    const dice = n => (seed = seed * 48271 % 2147483647) % n;
    const out = [];
    for (let round = 0; round < 300; round++) {
      const count = 1 + dice(200);
      const mean = Float64Array.from({ length: count }, () => dice(5) ? dice(1000) : NaN);
      const max = mean.map(v => v + dice(50));
      const read = tacho.levels.build(mean, null, max);
      const first = dice(count);
      const last = first + 1 + dice(count - first);
      const known = [...mean.keys()].filter(i => i >= first && i < last && mean[i] === mean[i]);
      const found = tacho.levels.extent(read, first, last);
      const most = Math.max(...known.map(i => max[i]));
      const right = known.length === 0 ? found.at === -1 : found.max === most && found.at === known.find(i => max[i] === most) &&
        found.min === Math.min(...known.map(i => mean[i])) &&
        Math.abs(found.mean - known.reduce((sum, i) => sum + mean[i], 0) / known.length) < 1e-6;
      if (!right)
        out.push({ count, first, last, found, most });
    }
    return out;
  });
  assert.deepEqual(wrong, []);
});

// The topmost pixel with the colour of the band around where the peak is.
function peakHeight(page) {
  return page.evaluate(() => {
    const canvas = document.querySelector("#charts figure.chart canvas");
    const g = tacho.pictures.geometry();
    const ratio = devicePixelRatio;
    const at = Math.round(g.x(40001.5 * 3600 / 65536) * ratio);
    const { data } = canvas.getContext("2d").getImageData(at - 2, 0, 5, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      const [r, , b, a] = data.slice(i, i + 4);
      if (a > 20 && b > r + 25)
        return Math.floor(i / 4 / 5) / canvas.height;
    }
    return 1;
  });
}

test("a peak is seen and named at any zoom", async ({ open }) => {
  const { page } = await open("big");
  const at = 40001 * 3600 / 65536;
  for (const length of [3600, 1000, 100, 10, 1, 0.2]) {
    await page.evaluate(([from, to]) => tacho.span.set(from, to), [at - length / 3, at + length]);
    await until("peak shown over " + length + " s", async () =>
      /peak 7,777 at 36:37/.test(await caption(page, 0)) && await peakHeight(page) < 0.35);
  }
  await page.evaluate(at => tacho.span.set(at + 1, at + 30), at);
  await until("no peak beside it", async () => !/7,777/.test(await caption(page, 0)));
  await page.evaluate(() => tacho.span.set(1200, 1500));
  await until("an unknown stretch is said", async () => /unknown/.test(await caption(page, 1)));
});

test("buttons and keys zoom, pan and go back", async ({ open }) => {
  const { page } = await open("pipeline");
  const all = await shown(page);
  const length = ({ from, to }) => to - from;
  await page.getByRole("button", { name: /Zoom in/ }).click();
  const closer = await shown(page);
  assert.equal(length(closer), length(all) / 2);
  await page.getByRole("button", { name: /Later/ }).click();
  const later = await shown(page);
  assert.ok(later.from > closer.from && Math.abs(length(later) - length(closer)) < 1e-6);
  await page.getByRole("button", { name: /whole time/ }).click();
  assert.deepEqual(await shown(page), all);
  await page.locator(".time-axis").focus();
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowRight");
  const moved = await shown(page);
  assert.ok(moved.from > 0 && length(moved) < length(all));
  await page.keyboard.press("ArrowLeft");
  assert.ok((await shown(page)).from < moved.from);
  await page.keyboard.press("-");
  await page.keyboard.press("0");
  assert.deepEqual(await shown(page), all);
  await page.keyboard.press("Shift+ArrowRight");
  assert.equal(await page.evaluate(() => tacho.span.cursor), 18);
  assert.match(await page.locator(".heard").textContent(), /^0:18\. CPU .* cores, Memory .* MiB, /);
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => tacho.span.cursor), null);
});

test("the pointer zooms, pans and goes back", async ({ open }) => {
  const { page } = await open("pipeline");
  const all = await shown(page);
  const box = await plotBox(page);
  const y = box.y + box.height / 2;
  const drag = async (from, to) => {
    await page.mouse.move(box.x + from, y);
    await page.mouse.down();
    await page.mouse.move(box.x + (from + to) / 2, y);
    await page.mouse.move(box.x + to, y);
    await page.mouse.up();
  };
  const expected = await page.evaluate(() => [300, 600].map(x => tacho.pictures.geometry().time(x)));
  await drag(300, 600);
  const near = (a, b) => Math.abs(a - b) < 4;
  const closer = await shown(page);
  assert.ok(near(closer.from, expected[0]) && near(closer.to, expected[1]), JSON.stringify([closer, expected]));
  await page.keyboard.down("Shift");
  await drag(600, 500);
  await page.keyboard.up("Shift");
  const later = await shown(page);
  assert.ok(later.from > closer.from && near(later.to - later.from, closer.to - closer.from));
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -300);
  await page.keyboard.up("Control");
  await until("ctrl and wheel zoom", async () => { const s = await shown(page); return s.to - s.from < (later.to - later.from) * 0.8; });
  await until("the place has the stretch", () => page.evaluate(() => /^#t=[0-9.]+,[0-9.]+$/.test(location.hash)));
  await page.mouse.dblclick(box.x + 400, y);
  assert.deepEqual(await shown(page), all);
  await page.mouse.wheel(0, 200);
  await until("a plain wheel scrolls the page", () => page.evaluate(() => scrollY > 0));
  assert.deepEqual(await shown(page), all);
});

test("two fingers zoom", async ({ open }) => {
  const { page } = await open("pipeline", { hasTouch: true, viewport: { width: 412, height: 800 } });
  const box = await plotBox(page);
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...xs) => client.send("Input.dispatchTouchEvent",
    { type, touchPoints: xs.map((x, id) => ({ x: box.x + x, y: box.y + 40, id })) });
  const before = await shown(page);
  await touch("touchStart", 150);
  await touch("touchStart", 150, 200);
  for (let i = 0; i < 6; i++)
    await touch("touchMove", 150 - 8 * i, 200 + 8 * i);
  await touch("touchEnd");
  await until("less time is shown", async () => { const s = await shown(page); return s.to - s.from < before.to / 1.5; });
});

test("a stretch in the address is shown", async ({ open }) => {
  const { page } = await open("pipeline", { hash: "#t=712.5,800" });
  assert.deepEqual(await shown(page), { from: 712.5, to: 800 });
  assert.match(await page.locator(".range").innerText(), /11:52\.5.* – 13:20/);
});

test("one cursor gives the values of all curves", async ({ open }) => {
  const { page } = await open("pipeline");
  const rest = await caption(page, 0);
  assert.match(rest, /mean .* cores · peak 8\.00 cores at/);
  const box = await plotBox(page, 1);
  const at = await page.evaluate(() => tacho.pictures.geometry().x(600));
  await page.mouse.move(box.x + at, box.y + 20);
  await until("captions have values", async () => !/mean/.test(await caption(page, 0)) && !/mean/.test(await caption(page, 3)));
  assert.match(await caption(page, 3), /open\s*2$/m);
  assert.match(await page.locator(".range").innerText(), /at (9:59|10:0)/);
  assert.ok(await page.locator(".cursor").isVisible());
  await page.mouse.move(5, 5);
  await until("captions as before", async () => await caption(page, 0) === rest);
  assert.ok(!await page.locator(".cursor").isVisible());
});

test("labels have a place, a list and words", async ({ open }) => {
  const { page } = await open("pipeline");
  await openLabels(page);
  await page.getByRole("button", { name: /checkpoint 3/ }).press("Enter");
  const { from, to } = await shown(page);
  assert.ok(from < 1080 && to > 1080 && to - from <= 90.001);
  await page.getByRole("button", { name: /whole time/ }).click();
  const box = await page.locator(".time-axis").boundingBox();
  const x = await page.evaluate(() => tacho.pictures.geometry().x(840));
  await page.mouse.move(box.x + x + 1, box.y + 6);
  await until("the tip says it", async () => /checkpoint 1/.test(await page.locator(".tip").innerText()));
});

test("processes lie below their parents, and are found by pointer and keys", async ({ open, note }) => {
  const { page } = await open("big");
  const lane = page.locator("#process-lanes .scroller");
  await lane.scrollIntoViewIfNeeded();
  const box = await lane.boundingBox();
  await page.mouse.move(box.x + 500, box.y + 5);
  await until("the tip is about the root", async () => /^main 1000/.test(await page.locator(".tip").innerText()));
  await lane.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await until("a job is said", async () => /^job\d \d+\. command \.\/job --number/.test(await page.locator(".heard").innerText()));
  const said = await page.locator(".heard").innerText();
  await page.keyboard.press("Shift+ArrowRight");
  await until("the next job is said", async () => await page.locator(".heard").innerText() !== said);
  await page.keyboard.press("Enter");
  await until("it is shown alone", async () => { const s = await shown(page); return s.to - s.from < 20; });
  await openLabels(page);
  assert.match(await page.locator(".label-list").innerText(), /20,000 labels[^]*The first 500/);
  const frame = await frameMs(page);
  const wrong = await page.evaluate(async () => {
    const processes = await tacho.processLanes.read();
    const rows = tacho.processLanes.rows(processes);
    const rowOf = new Map();
    const out = [];
    rows.forEach((row, r) => row.index.forEach((i, k) => {
      rowOf.set(i, r);
      if (k > 0 && row.start[k] < row.end[k - 1])
        out.push(["on each other", r, k]);
    }));
    for (let i = 0; i < processes.count; i++) {
      if (!rowOf.has(i) || (processes.parent[i] >= 0 && rowOf.get(i) <= rowOf.get(processes.parent[i])))
        out.push(["not below", i]);
    }
    return out.slice(0, 5);
  });
  assert.deepEqual(wrong, []);
  note(`10,000 processes: ${frame.toFixed(0)} ms a frame`);
});

test("a million scopes are drawn and found", async ({ open, note }) => {
  const { page } = await open("slices");
  const lane = page.locator("#scope-lanes .scroller").first();
  await lane.scrollIntoViewIfNeeded();
  assert.match(await page.locator("#scope-lanes h3").first().innerText(), /1,000,000 scopes/);
  await until("drawn", async () => await colours(page, "#scope-lanes canvas") >= 2);
  assert.equal(await page.locator("#scope-lanes .scroller").count(), 8);
  await page.getByRole("button", { name: /more of 10 threads/ }).click();
  assert.equal(await page.locator("#scope-lanes .scroller").count(), 10);
  await page.evaluate(() => tacho.span.set(1800, 1800.05));
  const box = await lane.boundingBox();
  await page.mouse.move(box.x + 600, box.y + 8);
  await until("a scope's words", async () => /^scope \d/.test(await page.locator(".tip").innerText()));
  const frame = await frameMs(page);
  note(`1,000,000 scopes: ${frame.toFixed(0)} ms a frame`);
});

test("tables are sorted by click and key", async ({ open }) => {
  const { page } = await open("pipeline");
  const table = page.locator("#scopes table");
  const column = async i => table.locator(`tbody tr td:nth-child(${i})`).allInnerTexts();
  await table.getByRole("button", { name: "count" }).focus();
  await page.keyboard.press("Enter");
  assert.equal(await table.locator("th").nth(2).getAttribute("aria-sort"), "descending");
  assert.equal(await table.locator("th").nth(3).getAttribute("aria-sort"), null);
  const counts = (await column(3)).map(Number);
  assert.deepEqual(counts, [...counts].sort((a, b) => b - a));
  await page.keyboard.press("Space");
  assert.equal(await table.locator("th").nth(2).getAttribute("aria-sort"), "ascending");
  assert.deepEqual((await column(3)).map(Number), counts.reverse());
  await table.getByRole("button", { name: "scope" }).click();
  const names = await column(1);
  assert.deepEqual(names, [...names].sort());
});

test("tables are filtered, and the count is said", async ({ open }) => {
  const { page } = await open("pipeline");
  const section = page.locator("#scopes");
  await section.getByLabel("Filter").fill("MPI");
  assert.deepEqual(await section.locator("tbody tr:visible td:first-child").allInnerTexts(), ["exchange"]);
  const said = section.locator("output");
  assert.equal(await said.innerText(), "1 of 9 rows");
  assert.equal(await said.getAttribute("aria-live"), "polite");
});

test("the tree of processes folds by keys", async ({ open }) => {
  const { page } = await open("pipeline");
  const rows = page.locator("#process-table tbody tr");
  const root = rows.first();
  assert.equal(await root.getAttribute("aria-expanded"), "true");
  const open0 = await rows.count();
  await root.focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await rows.count(), 1);
  await page.keyboard.press("ArrowRight");
  assert.equal(await rows.count(), open0);
  await page.keyboard.press("ArrowDown");
  const focused = () => page.evaluate(() => document.activeElement.cells[0].textContent);
  assert.equal(await focused(), "make");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "gcc");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await focused(), "make");
});

test("rows that the page does not hold are made", async ({ open }) => {
  const { page } = await open("big");
  const section = page.locator("#processes");
  await section.getByLabel("Filter").fill("--number 9876");
  assert.deepEqual(await section.locator("tbody tr td:first-child").allInnerTexts(), ["job3"]);
  assert.equal(await section.locator("output").innerText(), "1 of 10,000 rows");
  await section.getByLabel("Filter").fill("");
  await section.getByRole("button", { name: "CPU" }).click();
  const cells = await section.locator("tbody tr").first().locator("td").allInnerTexts();
  assert.equal(cells[1], "1000");
  assert.equal(await section.locator("tbody tr").nth(1).locator("td").nth(1).innerText(), "10999");
  const before = await section.locator("tbody tr").count();
  await section.getByRole("button", { name: /more of 10,000 rows/ }).click();
  assert.ok(await section.locator("tbody tr").count() > before);
  await section.getByRole("button", { name: "written" }).click();
  await section.getByRole("button", { name: "written" }).click();
  assert.equal(await section.locator("tbody tr").first().locator("td").nth(7).innerText(), "0 B");
  await section.getByRole("button", { name: "Back to the tree" }).click();
  assert.equal(await section.locator("tbody tr").first().getAttribute("aria-expanded"), "true");
});

test("dark and light by the system and by the button, which is kept", async ({ open }) => {
  const { page } = await open("pipeline", { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  assert.equal(dark, "rgb(20, 23, 27)");
  const axis = () => page.evaluate(() => tacho.colours.named("series-0"));
  assert.equal(await axis(), "#56b4e9");
  await page.locator("button.theme").click();
  assert.equal(await ground(), "rgb(255, 255, 255)");
  assert.equal(await axis(), "#0072b2");
  await page.reload();
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.equal(await ground(), "rgb(255, 255, 255)");
  await page.locator("button.theme").click();
  await page.locator("button.theme").click();
  assert.equal(await ground(), dark);
});

test("a telephone scrolls down only", async ({ open }) => {
  for (const name of ["pipeline", "hostile"]) {
    const { page } = await open(name, { viewport: { width: 360, height: 740 } });
    await page.evaluate(async () => {
      for (let y = 0; y < document.body.scrollHeight; y += 1400) {
        scrollTo(0, y);
        await new Promise(requestAnimationFrame);
      }
    });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 360), name);
    const boxes = page.locator(".table-box");
    assert.ok(await boxes.count() >= 3);
    assert.equal(await boxes.first().getAttribute("tabindex"), "0");
  }
});

test("paper is white and has no buttons", async ({ open, note }) => {
  const { page } = await open("pipeline", { colorScheme: "dark" });
  const pdf = await page.pdf({ format: "A4" });
  note(`printed: ${(pdf.length / 1024).toFixed(0)} KiB`);
  assert.ok(pdf.length > 50000);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await page.evaluate(() => tacho.colours.named("series-0")), "#0072b2");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), "rgb(255, 255, 255)");
  assert.ok(!await page.locator(".buttons").isVisible());
  assert.ok(!await page.locator(".table-tools").first().isVisible());
  const width = await page.evaluate(() => document.querySelector("#charts canvas").width);
  assert.equal(width, 718);
  await page.emulateMedia({ media: "screen", colorScheme: "dark" });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await until("as wide as before", () => page.evaluate(() => document.querySelector("#charts canvas").width > 1000));
});

async function violations({ page, axe }) {
  // As the tools of a browser do it: the page itself allows no foreign script.
  await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
  const { violations: found } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(node => node.html.slice(0, 200) + " " + node.failureSummary).join(" | "));
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, async ({ open }) => {
    const shared = await open("pipeline");
    await shared.page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(shared), []);
    await shared.page.emulateMedia({ colorScheme: null });
  });
}

test("what attacks is shown and does nothing", async ({ open }) => {
  const { page, troubles } = await open("hostile", { viewport: { width: 1240, height: 2000 } });
  const attack = "</script><script>window.attacked=1;alert(1)</script>";
  assert.equal(await page.title(), attack);
  assert.equal(await page.locator("h1").innerText(), attack);
  assert.equal(await page.locator("#process-table tbody td").first().textContent(), attack);
  await openLabels(page);
  assert.ok((await page.locator(".label-list").innerText()).includes("<img src=x onerror=window.attacked=2>"));
  await page.evaluate(async () => {
    for (let y = 0; y < document.body.scrollHeight; y += 1500) {
      scrollTo(0, y);
      await new Promise(requestAnimationFrame);
    }
  });
  assert.equal(await page.locator(".problem").count(), 0);
  assert.equal(await page.locator(PICTURE + " h3").first().textContent(), attack);
  const lane = page.locator("#process-lanes .scroller");
  await lane.scrollIntoViewIfNeeded();
  const box = await lane.boundingBox();
  await page.mouse.move(box.x + 300, box.y + 5);
  await until("the tip shows it", async () => (await page.locator(".tip").innerText()).startsWith(attack));
  await page.locator("#processes").getByLabel("Filter").fill("<img src=x");
  assert.equal(await page.locator("#process-table tbody tr").count(), 1);
  assert.equal(await page.evaluate(() => String(window.attacked)), "undefined");
  assert.equal(await page.locator("img, iframe, object, base").count(), 0);
  assert.deepEqual(troubles, []);
});

test("what the program writes of a job is shown whole", async ({ open }) => {
  const { page, troubles } = await open("real");
  assert.equal(await page.locator(".problem").count(), 0);
  assert.match(await caption(page, 0), /CPU[^]*all processes[^]*mean .* peak/);
  assert.ok(await colours(page, PICTURE + " canvas") >= 10);
  await openLabels(page);
  assert.deepEqual(await page.locator(".label-list li span:last-child").allInnerTexts(), ["</script><b>first", "last"]);
  const lanes = page.locator("#scope-lanes .scroller");
  assert.equal(await lanes.count(), 4);
  await lanes.first().scrollIntoViewIfNeeded();
  await lanes.first().focus();
  await page.keyboard.press("ArrowDown");
  await until("its scope is said", async () => /^write\. from/.test(await page.locator(".heard").innerText()));
  const failed = page.locator("#process-table tbody tr", { has: page.locator("td.bad") });
  await until("what failed stands in the table", async () => /exit 3\s+sh -c 'exit 3'/.test(await failed.innerText()));
  assert.deepEqual(troubles, []);
  assert.deepEqual(await violations(await open("real")), []);
});

test("without script the words and tables are read", async ({ open }) => {
  const { page, troubles } = await open("big", { javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
  for (const text of ["Ended well", "wall time", "Method and limits", "sampled ten times"])
    assert.ok(await page.getByText(text).first().isVisible(), text);
  const last = page.locator("#process-table tbody tr").nth(999);
  assert.ok(await last.evaluate(row => row.checkVisibility() && row.cells.length === 11));
  assert.deepEqual(troubles, []);
});

test("what is damaged is named, and the rest is shown", async ({ open }) => {
  const { page, troubles } = await open("damaged");
  assert.deepEqual(await page.locator(".problem").allInnerTexts(),
    ["This cannot be shown: block 0 is too short", "This cannot be shown: the page lacks block 99"]);
  assert.match(await caption(page, 1), /peak 1\.00 MiB/);
  assert.match(await caption(page, 3), /peak 3 at/);
  assert.deepEqual(troubles, []);
});
