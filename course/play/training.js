// The chapter's experiment with sliders: Python trains anew while they move, this draws the losses.
//
// The front end of play.py's `Training`, an anywidget without dependencies. `state` is what the
// sliders say; `answer` comes from Python: a state, with the losses and the weights it gives.
// ipywidgets sends a change only when the kernel is done with the one before, and then the newest.

export const WORDS = {
  en: {
    title: "Training with sliders",
    caption: "Loss, trained anew while you drag",
    lr: "learning rate η",
    mom: "momentum parameter γ",
    batch_size: "batch size",
    epochs: "epoch",
    loss: "loss",
    curve: "curve",
    settings: ({ lr, mom, batch_size }) => [`η = ${lr},`, `γ = ${mom},`, `batch size ${batch_size}`],
    final: "final loss",
    needed: "updates until the loss stays below 10⁻⁴",
    notWithin: (n) => `more than ${n}`,
    diverges: "diverges",
    smallest: (f) => `smallest possible loss: ${f}`,
    learned: (w, b) => `Learned: w = (${w}), b\u00a0=\u00a0${b}`,
    diverged: "Diverges: the final loss is not below the first one.",
    failed: (error) => `Training failed: ${error}`,
    decay: "From the third epoch on, η is multiplied by 0.1 at the start of each.",
    keep: "Keep this curve",
    clear: "Clear the kept curves",
    plot: (first, last) => `Loss against epochs, from ${first} to ${last}`,
  },
  zh: {
    title: "带滑块的训练",
    caption: "损失：拖动滑块，随即重新训练",
    lr: "学习率 η",
    mom: "动量参数 γ",
    batch_size: "批量大小",
    epochs: "迭代周期",
    loss: "损失",
    curve: "曲线",
    settings: ({ lr, mom, batch_size }) => [`η = ${lr}，`, `γ = ${mom}，`, `批量大小 ${batch_size}`],
    final: "最后的损失",
    needed: "损失降到 10⁻⁴ 以下并保持，所需的更新次数",
    notWithin: (n) => `超过 ${n}`,
    diverges: "发散",
    smallest: (f) => `可能的最小损失：${f}`,
    learned: (w, b) => `学到的参数：w = (${w})，b\u00a0=\u00a0${b}`,
    diverged: "发散：最后的损失没有降到最初的损失以下。",
    failed: (error) => `训练出错：${error}`,
    decay: "从第 3 个迭代周期起，每个迭代周期开始时把 η 乘以 0.1。",
    keep: "保留这条曲线",
    clear: "清除保留的曲线",
    plot: (first, last) => `损失随迭代周期的变化，从 ${first} 到 ${last}`,
  },
};

const TARGET = 1e-4; // the loss that the table counts the updates to
const signed = (text) => text.replace("-", "−");
const lossText = (f) => (Number.isFinite(f) ? signed(f.toExponential(2)) : "∞");
const weightText = (w) => (Math.abs(w) < 1e4 ? signed(w.toFixed(3)) : lossText(w));
const power = (n) => "10" + [...String(n)].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] ?? "⁻").join("");
const same = (a, b) => ["lr", "mom", "batch_size"].every((key) => a[key] === b[key]);

// ---------------------------------------------------------------- The sliders

/** What a slider can be set to: whole numbers, or of 3 digits, evenly spaced on a log scale. */
function choices([low, high], whole) {
  const digits = (x) => (whole ? Math.round(x) : Number(x.toPrecision(3)));
  const all = Array.from({ length: 401 }, (_, i) => digits(low * (high / low) ** (i / 400)));
  return [...new Set(all)];
}

const slider = (key, words, last, step, [low, high]) => `
  <div><label for="${key}">${words[key]}</label><div class="pair">
    <input type="range" id="${key}" data-key="${key}" min="0" max="${last}" step="${step}">
    <input type="number" data-key="${key}" aria-label="${words[key]}" step="any" min="${low}" max="${high}"></div></div>`;

// ---------------------------------------------------------------- The view

// Colours of Okabe and Ito; the dashes tell the curves apart too. The first is the present curve.
const THEMES = {
  light: { page: "#ffffff", text: "#1a1a1a", line: "#8c8c8c", faint: "#d9d9d9", accent: "#00588a",
    curve0: "#0072b2", curve1: "#c04f00", curve2: "#00795a", curve3: "#a3467e" },
  dark: { page: "#16181b", text: "#ececec", line: "#808080", faint: "#3a3d41", accent: "#7cc5f2",
    curve0: "#56b4e9", curve1: "#e69f00", curve2: "#35c796", curve3: "#e39ac4" },
};
const DASHES = ["", "8 4", "2 3", "9 3 2 3"];
const STYLE = `
:host { all: initial; display: block; }
* { box-sizing: border-box; margin: 0; }
.training { font: 15px/1.45 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  color: var(--text); background: var(--page); padding: 12px; display: grid; gap: 12px; max-width: 900px; }
figcaption { font-weight: 600; }
.plot { display: block; width: 100%; height: clamp(200px, 42vw, 300px); overflow: hidden; }
.plot text { font-size: 12px; fill: var(--text); }
.plot path { fill: none; stroke-width: 2; stroke-linejoin: round; }
.axes path { stroke: var(--line); stroke-width: 1; }
.axes .faint { stroke: var(--faint); }
.axes .smallest, .key .smallest { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 1.5 3; }
.key { width: 30px; height: 10px; flex: none; fill: none; stroke-width: 2; }
.sliders { display: grid; gap: 8px 20px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) 5.6em; gap: 10px; }
input, button { font: inherit; color: inherit; accent-color: var(--accent); min-height: 28px; }
button, [type=number] { background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: 2px 8px; min-width: 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--faint); padding: 3px 4px; text-align: right; font-weight: 400; }
thead th { font-weight: 600; vertical-align: bottom; word-break: keep-all; }
th:first-child { text-align: left; }
.name { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .3em; }
.name span { white-space: nowrap; }
[role=status] { min-height: 1.45em; font-weight: 600; }
`;

const key = (i) => `<svg class="key" viewBox="0 0 30 10" aria-hidden="true"><path d="M0 5H30"
  stroke="var(--curve${i})" stroke-dasharray="${DASHES[i]}"/></svg>`;

const page = (words, { limits, smallest, epochs }, lrs, sizes) => `
<section class="training" aria-label="${words.title}">
  <figure><figcaption>${words.caption}</figcaption>
    <svg class="plot" role="img"><clipPath id="box"><rect/></clipPath><g class="axes"></g><g id="curves" clip-path="url(#box)"></g></svg>
    <span class="name"><svg class="key" viewBox="0 0 30 10" aria-hidden="true"><path class="smallest"
      d="M0 5H30"/></svg>${words.smallest(lossText(smallest))}</span></figure>
  <div class="sliders">${slider("lr", words, lrs.length - 1, 1, limits.lr)}${slider("mom", words, limits.mom[1], 0.001, limits.mom)}
    ${slider("batch_size", words, sizes.length - 1, 1, limits.batch_size)}</div>
  <div class="buttons"><button type="button" id="keep">${words.keep}</button><button type="button" id="clear">${words.clear}</button></div>
  <table><thead><tr>${["curve", "final", "needed"].map((one) => `<th scope="col">${words[one]}</th>`).join("")}</tr></thead><tbody></tbody></table>
  <p id="learned"></p>
  ${epochs > 2 ? `<p>${words.decay}</p>` : ""}
  <p role="status"></p>
</section>`;

/** Is the page around it dark? JupyterLab and VS Code say so; else the system does. */
function isDark() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  if (vscodeThemeKind) return !vscodeThemeKind.includes("light");
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Read an answer's numbers, which travel as float32. */
function read(answer) {
  const floats = ({ buffer, byteOffset, byteLength }) =>
    new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return { ...answer, losses: floats(answer.losses), weights: floats(answer.weights) };
}

/** Tell how a training ended, as a row of the table does. */
function ending({ losses }, words) {
  const last = losses.length - 1;
  if (!(losses[last] < losses[0])) return words.diverges;
  let needed = losses.length;
  while (needed && losses[needed - 1] < TARGET) needed--;
  return needed > last ? words.notWithin(last) : String(needed);
}

function render({ model, el }) {
  const words = WORDS[model.get("lang")], experiment = model.get("experiment");
  const { limits, examples, epochs, smallest, decades: [low, high] } = experiment;
  const values = { lr: choices(limits.lr), batch_size: choices(limits.batch_size, true) };
  const host = document.createElement("div");
  host.lang = model.get("lang") === "zh" ? "zh-CN" : "en";
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${STYLE}</style>${page(words, experiment, values.lr, values.batch_size)}`;
  el.append(host);
  const $ = (selector) => root.querySelector(selector);
  const inputs = [...root.querySelectorAll("[data-key]")];
  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const stop = new AbortController(); // takes every listener away at the end
  const on = (target, type, listener) => target.addEventListener(type, listener, { signal: stop.signal });
  let state = model.get("state"), kept = [], current;

  // The plot: its size in pixels, and what depends on it.
  let width = 0, height = 0;
  const box = { left: 46, right: 10, top: 8, bottom: 38 };
  const x = (epoch) => box.left + ((width - box.left - box.right) * epoch) / epochs;
  const y = (loss) => box.top + ((height - box.top - box.bottom) * (high - Math.log10(Math.max(loss, 1e-30)))) / (high - low);

  function line({ losses, batch_size }) {
    const perEpoch = Math.ceil(examples / batch_size);
    let path = "";
    for (let t = 0; t < losses.length && losses[t] < Infinity; t++) { // false for NaN too
      const epoch = Math.floor(t / perEpoch) + ((t % perEpoch) * batch_size) / examples;
      path += `${path ? "L" : "M"}${x(epoch).toFixed(1)} ${y(losses[t]).toFixed(1)}`;
    }
    return path;
  }

  function drawAxes() {
    const { left, top } = box, right = width - box.right, bottom = height - box.bottom;
    const every = high - low > 8 ? 2 : 1;
    let parts = "";
    for (let n = low; n <= high; n++) {
      parts += `<path class="faint" d="M${left} ${y(10 ** n)}H${right}"/>`;
      if ((n - low) % every === 0) parts += `<text x="${left - 6}" y="${y(10 ** n) + 4}" text-anchor="end">${power(n)}</text>`;
    }
    for (let epoch = 0; epoch <= epochs; epoch++) {
      parts += `<path d="M${x(epoch)} ${bottom}v4"/><text x="${x(epoch)}" y="${bottom + 17}" text-anchor="middle">${epoch}</text>`;
    }
    const middle = (top + bottom) / 2;
    $(".axes").innerHTML = `${parts}<path d="M${left} ${top}H${right}V${bottom}H${left}Z"/>
      <path class="smallest" d="M${left} ${y(smallest)}H${right}"/>
      <text x="${(left + right) / 2}" y="${bottom + 33}" text-anchor="middle">${words.epochs}</text>
      <text transform="translate(11 ${middle}) rotate(-90)" text-anchor="middle">${words.loss}</text>`;
    const clip = { x: left, y: top, width: right - left, height: bottom - top };
    for (const [name, value] of Object.entries(clip)) $("#box rect").setAttribute(name, value);
  }

  function drawKept() {
    const paths = kept.map((one) => `<path stroke="var(--curve${one.style})" stroke-dasharray="${DASHES[one.style]}" d="${line(one)}"/>`);
    $("#curves").innerHTML = `${paths.join("")}<path id="current" stroke="var(--curve0)"/>`;
    $("tbody").innerHTML = [{ style: 0 }, ...kept].map(({ style }) =>
      `<tr><th scope="row"><span class="name">${key(style)}<span></span> <span></span> <span></span></span></th><td></td><td></td></tr>`).join("");
    kept.forEach((one, i) => fill($("tbody").rows[i + 1], one));
    drawCurrent();
  }
  function fill({ cells: [name, final, needed] }, one) {
    const parts = name.querySelectorAll(".name span");
    words.settings(one).forEach((text, i) => write(parts[i], text));
    write(final, lossText(one.losses.at(-1)));
    write(needed, ending(one, words));
  }

  function drawCurrent() {
    $("#current").setAttribute("d", line(current));
    fill($("tbody").rows[0], current);
    const { losses, weights } = current, b = weights.at(-1);
    const w = [...weights.slice(0, Math.min(5, weights.length - 1))].map(weightText);
    if (weights.length > 6) w.push("…");
    write($("#learned"), words.learned(w.join(", "), weightText(b)));
    write($("[role=status]"), ending(current, words) === words.diverges ? words.diverged : ""); // said aloud
    $(".plot").ariaLabel = words.plot(lossText(losses[0]), lossText(losses.at(-1)));
  }

  function answered() {
    const answer = model.get("answer");
    if (answer.error) return write($("[role=status]"), words.failed(answer.error));
    current = read(answer);
    return drawCurrent();
  }

  /** Bring the controls to the state; the one being typed in keeps its text. */
  function showControls() {
    for (const input of inputs) {
      const { key } = input.dataset, value = state[key];
      if (input.type === "range") {
        input.value = values[key] ? values[key].findLastIndex((one) => one <= value) : value;
        input.ariaValueText = value;
      } else if (input !== root.activeElement) input.value = value;
    }
  }
  function change(key, value) {
    const [least, most] = limits[key];
    const within = Math.min(most, Math.max(least, value));
    state = { ...state, [key]: key === "batch_size" ? Math.round(within) : within };
    showControls();
    model.set("state", state);
    model.save_changes();
  }
  for (const input of inputs) {
    const { key } = input.dataset;
    on(input, "input", () => {
      if (input.value === "") return; // being typed
      const number = Number(input.value);
      change(key, input.type === "range" && values[key] ? values[key][number] : number);
    });
    on(input, "change", () => { if (input.type === "number") input.value = state[key]; });
  }
  on($("#keep"), "click", () => {
    if (kept.some((one) => same(one, current))) return;
    if (kept.length === DASHES.length - 1) kept.shift(); // the oldest gives its style to the new one
    const style = DASHES.findIndex((_, i) => i && !kept.some((one) => one.style === i));
    kept.push({ ...current, style });
    drawKept();
  });
  on($("#clear"), "click", () => {
    kept = [];
    drawKept();
  });

  function theme() {
    const name = isDark() ? "dark" : "light", section = $(".training");
    if (section.dataset.theme === name) return;
    section.dataset.theme = name;
    section.style.colorScheme = name;
    for (const [colour, value] of Object.entries(THEMES[name])) section.style.setProperty(`--${colour}`, value);
  }
  const watcher = new MutationObserver(theme);
  watcher.observe(document.body, { attributes: true });
  on(matchMedia("(prefers-color-scheme: dark)"), "change", theme);
  const resizer = new ResizeObserver(() => {
    ({ clientWidth: width, clientHeight: height } = $(".plot"));
    if (width < 100) return; // hidden, or not laid out yet
    drawAxes();
    drawKept();
  });
  resizer.observe($(".plot"));

  const followed = () => {
    if (same(state, model.get("state"))) return;
    state = model.get("state");
    showControls();
  };
  model.on("change:state", followed);
  model.on("change:answer", answered);
  theme();
  showControls();
  current = read(model.get("answer"));
  drawKept();

  return () => {
    model.off("change:state", followed);
    model.off("change:answer", answered);
    stop.abort();
    watcher.disconnect();
    resizer.disconnect();
    host.remove();
  };
}

export default { render };
