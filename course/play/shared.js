// What the widgets share: the theme, the style, and the controls of numbers.
//
// widget.py puts this before each widget's own part: a front end takes one module that stands alone.

const power = (n) => "10" + [...String(n)].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] ?? "⁻").join("");
const significant = (value, count) => Number(value.toPrecision(count));
const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };

// ---------------------------------------------------------------- The theme

// Colours of Okabe and Ito; line style or marker always tell the same as the colour.
const THEMES = {
  light: { page: "#ffffff", text: "#1a1a1a", soft: "#595959", line: "#8c8c8c", faint: "#d9d9d9",
    accent: "#00588a", blue: "#0072b2", orange: "#c04f00", green: "#00795a", purple: "#a3467e" },
  dark: { page: "#16181b", text: "#ececec", soft: "#b3b3b3", line: "#808080", faint: "#3a3d41",
    accent: "#7cc5f2", blue: "#56b4e9", orange: "#e69f00", green: "#35c796", purple: "#e39ac4" },
};
const STYLE = `
:host { all: initial; display: block; }
* { box-sizing: border-box; margin: 0; }
section { font: 15px/1.45 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  color: var(--text); background: var(--page); padding: 12px; }
figcaption { font-weight: 600; }
/* A plot and, beside or below it, what moves it: there the plot stays in sight. */
.beside { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 12px 20px; }
.beside > * { flex: 1 1 280px; min-width: 0; }
@media (min-height: 600px) {
  .beside > figure { position: sticky; top: var(--sticky-top, 0); z-index: 1; background: var(--page); padding-bottom: 4px; }
}
.pair { display: grid; grid-template-columns: minmax(0, 1fr) 6.2em; gap: 10px; }
.pair input { width: 100%; }
input, button { font: inherit; color: inherit; accent-color: var(--accent); min-height: 28px; }
button, [inputmode] { background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: 2px 6px; min-width: 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--faint); padding: 3px 4px; text-align: right; font-weight: 400; }
thead th { font-weight: 600; vertical-align: bottom; word-break: keep-all; }
[scope=row], th:first-child { text-align: left; }
`;

/** Is the page around it dark? JupyterLab, VS Code and Sphinx's themes say so; else the system does. */
function isDark() {
  const { body, documentElement: html } = document;
  const { jpThemeLight, vscodeThemeKind } = body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  if (vscodeThemeKind) return !vscodeThemeKind.includes("light");
  if (["light", "dark"].includes(html.dataset.theme)) return html.dataset.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Put a widget into an element of a page, in a shadow root, which the page's style does not reach.
 *
 * `html` has one section, which follows the page from light to dark; then `changed` is called.
 * Gives the shadow root, `on` to listen with, and `leave`, which takes everything away again.
 */
function attach(element, lang, style, html, changed = () => {}) {
  const host = document.createElement("div");
  host.lang = lang === "zh" ? "zh-CN" : "en";
  // JupyterLab hears nothing of focus that moves within a shadow root, and would take keys for
  // its commands: "d d" would delete the cell.
  host.dataset.lmSuppressShortcuts = "true";
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${STYLE}${style}</style>${html}`;
  element.append(host);
  const stop = new AbortController(); // takes every listener away at the end
  const on = (target, type, listener) => target.addEventListener(type, listener, { signal: stop.signal });

  const section = root.querySelector("section");
  function theme() {
    const name = isDark() ? "dark" : "light";
    if (section.dataset.theme === name) return;
    section.dataset.theme = name;
    section.style.colorScheme = name;
    for (const [key, colour] of Object.entries(THEMES[name])) section.style.setProperty(`--${key}`, colour);
    changed();
  }
  const watcher = new MutationObserver(theme);
  for (const node of [document.documentElement, document.body]) watcher.observe(node, { attributes: true });
  on(matchMedia("(prefers-color-scheme: dark)"), "change", theme);
  theme();

  const leave = () => {
    stop.abort();
    watcher.disconnect();
    host.remove();
  };
  return { root, on, leave };
}

// ---------------------------------------------------------------- Numbers

/**
 * Where the slider of a number stops, each value once: whole numbers, or of three digits.
 *
 * `limits` are its least and its most; `log` spaces the stops evenly on a log scale.
 */
function stops({ limits: [low, high], whole, log }) {
  const count = log ? 400 : Math.round((high - low) / (whole ? 1 : 0.001));
  const all = Array.from({ length: count + 1 }, (_, i) =>
    log ? low * (high / low) ** (i / count) : low + ((high - low) * i) / count);
  return [...new Set(all.map((value) => (whole ? Math.round(value) : significant(value, 3))))];
}

/** Read a number as people write it, with a decimal comma too; NaN if it is none within the limits. */
function read(text, { limits: [low, high], whole }) {
  const plain = text.normalize("NFKC").trim(); // full-width digits and marks are those of ASCII
  const fits = (number) => low <= number && number <= high && (!whole || Number.isInteger(number));
  const readings = [plain.replace(/[,。]/, ".")];
  if (/^[1-9]\d{0,2}(,\d{3})+$/.test(plain)) readings.unshift(plain.replaceAll(",", "")); // 10,000
  const numbers = readings.map((one) => (one ? Number(one) : NaN));
  return { number: numbers.find(fits) ?? NaN, nearest: numbers.at(-1) };
}

// Not type=number: where the browser's language has a decimal point, that makes 3 of "0,3".
const numberBox = (key, label, [low, high]) =>
  `<input inputmode="decimal" autocomplete="off" role="spinbutton" data-key="${key}" aria-label="${label}"
    aria-valuemin="${low}" aria-valuemax="${high}">`;

const slider = (key, label, number) => `
  <div><label for="${key}">${label}</label><div class="pair">
    <input type="range" id="${key}" data-key="${key}" min="0" max="${stops(number).length - 1}" step="1">
    ${numberBox(key, label, number.limits)}</div></div>`;

/**
 * Let sliders and boxes ask for changes, `change(state)`; give a function that shows a state.
 *
 * `numbers` says of each key what it may be, as `stops` takes it; `none` leaves its box empty. While
 * one types or drags, each valid number starts from the state before, so that what a passing one
 * bounds (3 and 30 on the way to 300) comes back; only what stands at the end is put within limits.
 */
function connectNumbers({ root, on }, numbers, current, change) {
  const inputs = [...root.querySelectorAll("[data-key]")];
  const values = Object.fromEntries(Object.entries(numbers).map(([key, number]) => [key, stops(number)]));
  const text = (key) => (current()[key] === numbers[key].none ? "" : current()[key]);
  let before, last; // the state before one began to type or drag, and the one that came of it
  const set = (key, value) => {
    if (current() !== last) before = current(); // also when someone else has changed it meanwhile
    change({ ...before, [key]: value });
    last = current();
  };
  for (const input of inputs) {
    const { key } = input.dataset;
    on(input, "change", () => { last = undefined; });
    if (input.type === "range") {
      on(input, "input", () => set(key, values[key][input.value]));
      continue;
    }
    const [low, high] = numbers[key].limits;
    on(input, "input", () => {
      const { number } = read(input.value, numbers[key]);
      if (!Number.isNaN(number)) set(key, number);
    });
    on(input, "change", () => {
      const { number, nearest } = read(input.value, numbers[key]);
      if (Number.isNaN(number) && !Number.isNaN(nearest)) {
        const within = Math.min(high, Math.max(low, nearest));
        set(key, numbers[key].whole ? Math.round(within) : within);
        last = undefined;
      }
      input.value = text(key);
    });
    on(input, "keydown", (event) => {
      const { ArrowUp: up, ArrowDown: down } = { [event.key]: true };
      if (!up && !down) return;
      event.preventDefault();
      const now = current()[key], all = values[key];
      const next = up ? all.find((one) => one > now) : all.findLast((one) => one < now);
      if (next !== undefined) set(key, next);
      input.value = text(key);
      last = undefined;
    });
  }
  return function show() {
    for (const input of inputs) {
      const { key } = input.dataset, value = current()[key];
      if (input.type === "range") {
        input.value = values[key].findLastIndex((one) => one <= value);
        input.ariaValueText = value;
        continue;
      }
      input.ariaValueNow = value;
      if (input !== root.activeElement) input.value = text(key); // what is being typed stays
    }
  };
}

// ---------------------------------------------------------------- In a notebook

/**
 * The front end of a widget of Python's: its `state` and that of the view follow each other.
 *
 * `mount(element, {lang, experiment, state, changed})` makes the view, `{state, set, destroy}`.
 */
const frontEnd = (mount) => ({
  render({ model, el }) {
    const view = mount(el, {
      lang: model.get("lang"),
      experiment: model.get("experiment"),
      state: model.get("state"),
      changed(state) {
        model.set("state", state);
        model.save_changes();
      },
    });
    const update = () => {
      const state = model.get("state"), shown = view.state;
      if (Object.keys(shown).some((key) => state[key] !== shown[key])) view.set(state);
    };
    model.on("change:state", update);
    return () => {
      model.off("change:state", update);
      view.destroy();
    };
  },
});
