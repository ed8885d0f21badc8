// The chapter's experiment with sliders: it is trained anew whenever one moves.
//
// With shared.js before it, one module without dependencies: an anywidget in a notebook (the default
// export, see training.py), and on any page `mount(element, {lang, experiment, state})`.

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
    decay: "从第 3 个迭代周期起，每个迭代周期开始时把 η 乘以 0.1。",
    keep: "保留这条曲线",
    clear: "清除保留的曲线",
    plot: (first, last) => `损失随迭代周期的变化，从 ${first} 到 ${last}`,
  },
};

const signed = (text) => text.replace("-", "−");
// What float32, NDArray's default, cannot hold is infinite there.
const lossText = (f) => (Number.isFinite(Math.fround(f)) ? signed(f.toExponential(2)) : "∞");
const weightText = (w) => (Math.abs(w) < 1e4 ? signed(w.toFixed(3)) : lossText(w));
const same = (a, b) => ["lr", "mom", "batch_size"].every((key) => a[key] === b[key]);

// ---------------------------------------------------------------- The training

/** Read the arrays of an experiment: bytes from a kernel, base64 on a page. */
export function unpacked(experiment) {
  const kinds = { A: Float64Array, y: Float64Array, order: Int32Array, initial: Float64Array, H: Float64Array, best: Float64Array };
  const arrays = Object.entries(kinds).map(([name, Kind]) => {
    const given = experiment[name];
    const bytes = typeof given === "string" ? Uint8Array.from(atob(given), (one) => one.charCodeAt(0)) : given;
    return [name, new Kind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
  });
  return { ...experiment, ...Object.fromEntries(arrays) };
}

/**
 * Train linear regression in float64, with the examples in the order that Python drew.
 *
 * A has a row for each example, its features and a 1, so that the bias is the last weight. Gives the
 * losses over all examples before the first and after every update, and the last weights.
 */
export function train({ A, y, order, initial, H, best, smallest, examples, epochs }, { lr, mom, batch_size }) {
  const size = initial.length, weights = initial.slice();
  const velocity = new Float64Array(size), gradient = new Float64Array(size);
  // Least squares: the loss follows from how far the weights are from the best ones.
  const loss = () => {
    let sum = 0;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) sum += (weights[i] - best[i]) * H[i * size + j] * (weights[j] - best[j]);
    }
    return sum / 2 + smallest;
  };
  const losses = new Float64Array(1 + epochs * Math.ceil(examples / batch_size));
  losses[0] = loss();
  let updates = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const rate = lr * 0.1 ** Math.max(0, epoch - 2);
    for (let first = 0; first < examples; first += batch_size) {
      const end = Math.min(first + batch_size, examples); // the last minibatch may be short
      gradient.fill(0);
      for (let i = first; i < end; i++) {
        const row = order[(epoch - 1) * examples + i], at = row * size;
        let error = -y[row];
        for (let j = 0; j < size; j++) error += A[at + j] * weights[j];
        for (let j = 0; j < size; j++) gradient[j] += error * A[at + j];
      }
      for (let j = 0; j < size; j++) {
        velocity[j] = mom * velocity[j] + (rate / (end - first)) * gradient[j];
        weights[j] -= velocity[j];
      }
      losses[++updates] = loss();
    }
  }
  return { losses, weights };
}

const TARGET = 1e-4; // the loss that the table counts the updates to

/** Tell how a training ended, as a row of the table does. */
function ending({ losses }, words) {
  const last = losses.length - 1;
  if (!(losses[last] < losses[0])) return words.diverges;
  let needed = losses.length;
  while (needed && losses[needed - 1] < TARGET) needed--;
  return needed > last ? words.notWithin(last) : String(needed);
}

// ---------------------------------------------------------------- The view

// The first is the present curve.
const CURVES = ["blue", "orange", "green", "purple"];
const DASHES = ["", "8 4", "2 3", "9 3 2 3"];
const OWN_STYLE = `
.training { display: grid; gap: 12px; max-width: 900px; }
.plot { display: block; width: 100%; height: clamp(200px, 42vw, 260px); overflow: hidden; }
.plot text { font-size: 12px; fill: var(--text); }
.plot path { fill: none; stroke-width: 2; stroke-linejoin: round; }
.axes path { stroke: var(--line); stroke-width: 1; }
.axes .faint { stroke: var(--faint); }
.axes .smallest, .key .smallest { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 1.5 3; }
.key { width: 30px; height: 10px; flex: none; fill: none; stroke-width: 2; }
.beside > figure { flex-basis: 420px; }
.sliders { display: grid; gap: 8px; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.name { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .3em; }
.name span { white-space: nowrap; }
[role=status] { min-height: 1.45em; font-weight: 600; }
`;

const key = (i) => `<svg class="key" viewBox="0 0 30 10" aria-hidden="true"><path d="M0 5H30"
  stroke="var(--${CURVES[i]})" stroke-dasharray="${DASHES[i]}"/></svg>`;

const page = (words, { smallest, epochs }, numbers) => `
<section class="training" aria-label="${words.title}">
  <div class="beside"><figure><figcaption>${words.caption}</figcaption>
    <svg class="plot" role="img"><clipPath id="box"><rect/></clipPath><g class="axes"></g><g id="curves" clip-path="url(#box)"></g></svg>
    <span class="name"><svg class="key" viewBox="0 0 30 10" aria-hidden="true"><path class="smallest"
      d="M0 5H30"/></svg>${words.smallest(lossText(smallest))}</span></figure>
  <div class="sliders">${Object.keys(numbers).map((key) => slider(key, words[key], numbers[key])).join("")}
    <div class="buttons"><button type="button" id="keep">${words.keep}</button><button type="button" id="clear">${words.clear}</button></div></div></div>
  <table><thead><tr>${["curve", "final", "needed"].map((one) => `<th scope="col">${words[one]}</th>`).join("")}</tr></thead><tbody></tbody></table>
  <p id="learned"></p>
  ${epochs > 2 ? `<p>${words.decay}</p>` : ""}
  <p role="status"></p>
</section>`;

/**
 * Put the sliders and the plot into an element of a page: `lang` is "zh" or "en", `experiment` what
 * stays (see training.py), `state` what to begin with; `changed` is called with later ones.
 */
export function mount(element, { lang, experiment, state, changed = () => {} }) {
  const words = WORDS[lang], { limits, examples, epochs, smallest, decades: [low, high] } = experiment;
  const arrays = unpacked(experiment);
  const numbers = {
    lr: { limits: limits.lr, log: true },
    mom: { limits: limits.mom },
    batch_size: { limits: limits.batch_size, whole: true, log: true },
  };
  const view = attach(element, lang, OWN_STYLE, page(words, experiment, numbers));
  const { root, on } = view, $ = (selector) => root.querySelector(selector);
  let kept = [], current, frame = 0;

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
    const paths = kept.map((one) => `<path stroke="var(--${CURVES[one.style]})" stroke-dasharray="${DASHES[one.style]}" d="${line(one)}"/>`);
    $("#curves").innerHTML = `${paths.join("")}<path id="current" stroke="var(--${CURVES[0]})"/>`;
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

  /** Train with the present state, now, and draw it. */
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    current = { ...state, ...train(arrays, state) };
    drawCurrent();
  }
  function show(given) {
    state = given;
    showControls();
    frame ||= requestAnimationFrame(update);
  }
  function change(given) {
    show(given);
    changed({ ...state });
  }
  const showControls = connectNumbers(view, numbers, () => state, change);
  on($("#keep"), "click", () => {
    if (frame) update();
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

  const resizer = new ResizeObserver(() => {
    ({ clientWidth: width, clientHeight: height } = $(".plot"));
    if (width < 100) return; // hidden, or not laid out yet
    drawAxes();
    drawKept();
  });
  resizer.observe($(".plot"));

  showControls();
  current = { ...state, ...train(arrays, state) };
  drawKept();

  return {
    get state() { return { ...state }; },
    set: show,
    destroy() {
      cancelAnimationFrame(frame);
      resizer.disconnect();
      view.leave();
    },
  };
}

export default frontEnd(mount);
