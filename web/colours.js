// The colours of pictures, as page.css has them; the theme; which programs have which.

const root = document.documentElement;
const KEPT = "tacho-theme";
const THEMES = ["auto", "light", "dark"];
const SERIES = 8; // --series-0 ... in page.css, and classes category-0 ...
const PROGRAMS = 6;

const listeners = [];
let cache = new Map();

// A custom property of the style; the rest of the page follows the theme by itself, canvases do not.
function named(name) {
  if (!cache.has(name))
    cache.set(name, getComputedStyle(root).getPropertyValue("--" + name).trim());
  return cache.get(name);
}

function series(i) {
  return i >= 0 && i < SERIES ? named("series-" + i) : named("other");
}

function channels(colour) {
  return [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
}

// `share` of a colour over the page's ground; both are #rrggbb.
function mixed(colour, share) {
  const ground = channels(named("ground"));
  const parts = channels(colour).map((c, i) => Math.round(c * share + ground[i] * (1 - share)));
  return "rgb(" + parts.join(",") + ")";
}

function faded(colour, alpha) {
  return "rgba(" + channels(colour).join(",") + "," + alpha + ")";
}

// Black or white, whichever reads better on a colour.
function inkOn(colour) {
  const [r, g, b] = channels(colour).map(c => (c / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22 ? "#000000" : "#ffffff";
}

const programs = new Map();

// The place of a program's colour, the same in all pictures: the first few that ask have one, others -1.
function program(name) {
  if (!programs.has(name) && programs.size < PROGRAMS)
    programs.set(name, programs.size);
  return programs.has(name) ? programs.get(name) : -1;
}

function tell() {
  cache = new Map();
  for (const listener of listeners)
    listener();
}

function setTheme(theme) {
  if (theme === "auto")
    delete root.dataset.theme;
  else
    root.dataset.theme = theme;
  tell();
}

function keptTheme() {
  try {
    const theme = localStorage.getItem(KEPT);
    return THEMES.includes(theme) ? theme : "auto";
  } catch (e) {
    return "auto"; // a file may have no storage
  }
}

let theme = keptTheme();

function nextTheme() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem(KEPT, theme);
  } catch (e) {
    // then it lasts as long as the page is open
  }
  setTheme(theme);
  return theme;
}

setTheme(theme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);

tacho.colours = {
  named, series, mixed, faded, inkOn, program, nextTheme,
  get theme() { return theme; },
  // Paper is white: canvases are drawn for it, then as they were.
  onPaper: on => setTheme(on ? "light" : theme),
  listen: listener => listeners.push(listener),
};
