// The playground: gradient descent, momentum and Adam on a quadratic function, which one can touch.
//
//   f(x) = ½(λ₁x₁² + λ₂x₂²) with λ₁ = 1/κ and λ₂ = 1, so that κ is the condition number.
//
// The state and all paths are in these coordinates, along the eigenvectors. Rotated, it is drawn (and
// Adam scales the coordinates of) y, which is x turned by 45°; nothing else depends on that.
//
// With shared.js before it, one module without dependencies: an anywidget in a notebook (the default
// export, see playground.py), and on any page `mount(element, {lang, state, address, small})`.

// ---------------------------------------------------------------- The state

export const DEFAULTS = {
  eta: 1.6, gamma: 0.5, kappa: 20, // the chapter's 0.1x₁² + 2x₂² at η = 0.4, scaled to λ₂ = 1
  x1: 1, x2: 1, // the start; the velocity is 0
  convention: "inside", // v ← γv + ηg, x ← x − v; "outside": v ← γv + g, x ← x − ηv
  nesterov: false,
  adam: 0, // Adam's own η: its steps are about as long, whatever the gradient; 0: without Adam
  rotated: false,
  decay: 0, // after this update η is a tenth of itself; 0: never
  updates: 60, // how many are drawn
};
export const LIMITS = {
  eta: [0.01, 5], gamma: [0, 0.999], kappa: [1, 10000],
  x1: [-1.5, 1.5], x2: [-1.1, 1.1], decay: [0, 1000], updates: [10, 1000], adam: [0, 2],
};
const WHOLE = ["decay", "updates"], LOG = ["eta", "kappa"];
const NUMBERS = Object.fromEntries(["eta", "gamma", "kappa", "updates", "decay"].map((key) =>
  [key, { limits: LIMITS[key], whole: WHOLE.includes(key), log: LOG.includes(key) }]));
NUMBERS.decay.none = 0; // which leaves its box empty
NUMBERS.adam = { limits: [0.001, LIMITS.adam[1]], log: true, none: 0 };
const ADAM = { on: 0.1, beta2: 0.999, epsilon: 1e-8 }; // β₁ is γ

/** Make a valid state of anything: numbers within their limits, defaults for nonsense. */
export function valid(given) {
  const state = { ...DEFAULTS };
  for (const [key, [low, high]] of Object.entries(LIMITS)) {
    const value = given?.[key];
    const isText = typeof value === "string" && value.trim() !== "";
    const number = isText || typeof value === "number" ? Number(value) : NaN;
    if (Number.isNaN(number)) continue;
    state[key] = Math.min(high, Math.max(low, number));
    if (WHOLE.includes(key)) state[key] = Math.round(state[key]);
  }
  state.decay = Math.min(state.decay, state.updates);
  if (given?.convention === "outside") state.convention = "outside";
  for (const key of ["nesterov", "rotated"]) state[key] = [true, 1, "1", "true"].includes(given?.[key]);
  return state;
}

/** Write a state as the part of an address after #. */
export function format(state) {
  const entries = Object.entries(valid(state)).map(([key, value]) => [key, String(value)]);
  return new URLSearchParams(entries).toString();
}

/** Read what `format` wrote: what cannot be read is the default; undefined if there is none of it. */
export function parse(text) {
  const entries = [...new URLSearchParams(String(text).replace(/^#/, ""))];
  return entries.some(([key]) => Object.hasOwn(DEFAULTS, key)) ? valid(Object.fromEntries(entries)) : undefined;
}

// ---------------------------------------------------------------- The mathematics

const TINY = 1e-6; // how far down the numbers count the updates
const LIMIT = 100000; // updates, after which a run is given up
const norms = new Float64Array(LIMIT + 1); // of one run; a fresh array each time would cost more

export const eigenvalues = (kappa) => [1 / kappa, 1];

/** The learning rate of update t = 1, 2, … */
const etaAt = (state, t) => (state.decay && t > state.decay ? 0.1 * state.eta : state.eta);
const lastEta = (state) => etaAt(state, Infinity);

/**
 * Spectral radius of the 2 × 2 matrix that one update multiplies (v, x) by, for one eigenvalue.
 * Both conventions have the same trace and determinant, hence the same rate.
 */
export function rate(eta, gamma, lambda, nesterov = false) {
  const h = eta * lambda;
  const trace = nesterov ? (1 + gamma) * (1 - h) : 1 + gamma - h;
  const determinant = nesterov ? gamma * (1 - h) : gamma;
  const discriminant = trace * trace - 4 * determinant;
  if (discriminant < 0) return Math.sqrt(determinant); // complex roots
  return (Math.abs(trace) + Math.sqrt(discriminant)) / 2;
}

/** The rate of the slowest eigendirection. */
export function worstRate(eta, gamma, kappa, nesterov = false) {
  return Math.max(...eigenvalues(kappa).map((lambda) => rate(eta, gamma, lambda, nesterov)));
}

/** The bound on ηλ at which a root reaches −1: below it converges, at it no longer. */
export function edge(gamma, nesterov = false) {
  return (2 * (1 + gamma)) / (nesterov ? 1 + 2 * gamma : 1);
}

const loss = (state, x1, x2) => (x1 * x1 / state.kappa + x2 * x2) / 2;

/**
 * Follow one method from the start, in float64.
 *
 * Gives `points` (x₁, x₂ of the start and of each drawn update, one after the other); `needed` and
 * `neededLoss`, the updates after which ‖x‖ and f are at most 1e-6 of their start and stay so
 * (Infinity: never, or not within 100000 updates); `measured`, the rate seen in the tail, NaN if
 * the run is too short to tell.
 */
function follow(state) {
  const { gamma, updates, decay } = state;
  const [lambda1, lambda2] = eigenvalues(state.kappa);
  const inside = state.convention === "inside";
  const points = new Float64Array(2 * updates + 2);
  let x1 = state.x1, x2 = state.x2, v1 = 0, v2 = 0;
  const start = Math.sqrt(x1 * x1 + x2 * x2), startLoss = loss(state, x1, x2);
  points.set([x1, x2]);
  norms[0] = start;
  let above = start ? 0 : -1, aboveLoss = above; // the last update still above 1e-6 of the start
  let end = 0, floor = 1e-24 * start, ceiling = 1e24 * start; // where the tail ends
  for (let t = 1; t <= updates || (!end && t <= LIMIT); t++) {
    const eta = etaAt(state, t);
    // What the velocity is multiplied by when x moves, and what the gradient when it enters v.
    const move = inside ? 1 : eta, enter = inside ? eta : 1;
    const ahead = state.nesterov ? move * gamma : 0;
    v1 = gamma * v1 + enter * lambda1 * (x1 - ahead * v1);
    v2 = gamma * v2 + enter * lambda2 * (x2 - ahead * v2);
    x1 -= move * v1;
    x2 -= move * v2;
    if (t <= updates) points.set([x1, x2], 2 * t);
    const norm = Math.sqrt(x1 * x1 + x2 * x2);
    norms[t] = norm;
    if (!(norm <= TINY * start)) above = t; // so written that NaN counts as above
    if (!(loss(state, x1, x2) <= TINY * startLoss)) aboveLoss = t;
    if (t === decay) {
      floor = Math.min(floor, 1e-24 * norm);
      ceiling = Math.max(ceiling, 1e24 * norm);
    }
    // The step is small too: x passes near 0 in every oscillation, but then it moves fast.
    const settled = norm <= floor && move * Math.sqrt(v1 * v1 + v2 * v2) <= floor;
    if (!end && t > decay && (settled || !(norm <= ceiling))) end = t;
  }
  const last = Math.max(updates, end || LIMIT);
  return {
    points,
    needed: above < last ? above + 1 : Infinity,
    neededLoss: aboveLoss < last ? aboveLoss + 1 : Infinity,
    measured: measuredRate(decay, end || LIMIT),
  };
}

/** The cosine and the sine of the angle that y is turned by, clockwise: y₁ = cx₁ + sx₂, y₂ = cx₂ − sx₁. */
const turn = ({ rotated }) => (rotated ? [Math.SQRT1_2, Math.SQRT1_2] : [1, 0]);

/** Follow Adam as published: both moments corrected, ε outside the root. */
function followAdam(state) {
  const { gamma, updates } = state, { beta2, epsilon } = ADAM;
  const [lambda1, lambda2] = eigenvalues(state.kappa), [c, s] = turn(state);
  const points = new Float64Array(2 * updates + 2), m = [0, 0], squares = [0, 0];
  let { x1, x2 } = state;
  points.set([x1, x2]);
  for (let t = 1; t <= updates; t++) {
    const g1 = lambda1 * x1, g2 = lambda2 * x2;
    const [step1, step2] = [c * g1 + s * g2, c * g2 - s * g1].map((g, i) => {
      m[i] = gamma * m[i] + (1 - gamma) * g;
      squares[i] = beta2 * squares[i] + (1 - beta2) * g * g;
      const mean = m[i] / (1 - gamma ** t), square = squares[i] / (1 - beta2 ** t);
      return ((etaAt(state, t) / state.eta) * state.adam * mean) / (Math.sqrt(square) + epsilon);
    });
    x1 -= c * step1 - s * step2;
    x2 -= s * step1 + c * step2;
    points.set([x1, x2], 2 * t);
  }
  return { points };
}

/** The update from which on f is at most 1e-4 of its start, in all that are drawn; Infinity: none. */
export function stays(state, points) {
  const losses = pairs(points).map((point) => loss(state, ...point));
  const above = losses.findLastIndex((one) => !(one <= 1e-4 * losses[0]));
  return above < state.updates ? above + 1 : Infinity;
}

/** Compare the largest ‖x‖ of two windows, early and late: oscillations must not matter. */
function measuredRate(decay, end) {
  const from = Math.max(Math.floor(end / 4), decay) + 1, width = Math.floor((end - from) / 3);
  if (width < 3) return NaN;
  const largest = (first) => norms.subarray(first, first + width).reduce((a, b) => Math.max(a, b));
  return (largest(from + 2 * width) / largest(from)) ** (1 / (2 * width));
}

/** All that is drawn: momentum, gradient descent at the same η, momentum in the other convention, Adam. */
export function simulate(given) {
  const state = valid(given);
  const convention = state.convention === "inside" ? "outside" : "inside";
  return {
    momentum: follow(state),
    descent: follow({ ...state, gamma: 0, nesterov: false }),
    other: state.decay && state.gamma ? follow({ ...state, convention }) : null,
    adam: state.adam ? followAdam(state) : null,
  };
}

/** How far two paths part while they are drawn. */
const parting = ({ points: a }, { points: b }) =>
  Math.sqrt(Math.max(...pairs(a.map((x, i) => (x - b[i]) ** 2)).map(([dx, dy]) => dx + dy)));

// ---------------------------------------------------------------- The goals

const FROM = { x1: 1, x2: 1, nesterov: false, decay: 0 };

/** What each sets up, and when it is reached; its text is goal1, goal2, … below. */
export const GOALS = [
  { setup: { ...FROM, kappa: 1 }, reached: (state, { momentum }) => momentum.needed <= 1 },
  { setup: { ...FROM, kappa: 10 },
    reached: (state, { momentum }) => state.eta >= 2.5 && momentum.needed <= 100 },
  { setup: { ...FROM, kappa: 100 }, reached: (state, { momentum }) => momentum.neededLoss <= 60 },
  { setup: { ...FROM, kappa: 100 }, reached: (state, { momentum }) => momentum.needed <= 95 },
  { setup: { x1: 1, x2: 1, nesterov: false, kappa: 20 }, // with a decay, which the learner chooses
    reached: (state, { momentum, other }) =>
      other && Math.max(momentum.needed, other.needed) < Infinity && parting(momentum, other) >= 0.5 },
].map(({ setup, reached }) => ({
  setup,
  reached: (state, paths) =>
    Object.entries(setup).every(([key, value]) => state[key] === value) && Boolean(reached(state, paths)),
}));

// ---------------------------------------------------------------- The words

export const WORDS = {
  en: {
    title: "Momentum playground",
    paths: "Paths: drag the start",
    losses: "Loss, split by eigenvalue",
    map: "Convergence rate: click to choose (η, γ)",
    start: "Start of the paths",
    eta: "learning rate η",
    gamma: "momentum parameter γ",
    kappa: "condition number κ",
    updates: "updates drawn",
    convention: "η and the velocity",
    inside: "η inside",
    outside: "η outside",
    nesterov: "Nesterov’s accelerated gradient",
    adam: "Adam’s η: about its step in each coordinate",
    rotated: "rotated by 45°",
    turned: "; drawn is y, which is x turned by 45°",
    adamAt: (a) => ` Adam: ${a}.`,
    stays: (counts) => `Updates until f stays at most 10⁻⁴ of its start: ${counts}`,
    decayOn: "η × 0.1 after update",
    momentum: "momentum",
    nesterovName: "Nesterov",
    descent: "gradient descent",
    other: "momentum, other convention",
    flat: "along x₁, λ = 1/κ",
    steep: "along x₂, λ = 1",
    total: ", total loss",
    predicted: "rate predicted",
    measured: "rate measured",
    needed: "updates until ‖x‖ ≤ 10⁻⁶ of its start",
    neededLoss: "updates until f ≤ 10⁻⁶ of its start",
    never: "never",
    converges: (name) => `${name}: converges`,
    diverges: (name, bound, left, right) => `${name}: diverges: ηλ > ${bound} (${left} > ${right})`,
    atEdge: (name, bound) => `${name}: at the edge ηλ = ${bound}, does not converge`,
    same: "While η is constant, η inside and η outside the velocity trace the same path.",
    parts: (update) => `After update ${update} the two part: old steps keep their size with η inside the velocity; with η outside, they shrink with η at once.`,
    noVelocity: "With γ = 0 no old step is kept, so both conventions trace the same path.",
    edge: (bound) => `dashed: stability edge ηλ = ${bound}`,
    diverging: "hatched: diverges",
    rateAxis: "rate (smaller is faster)",
    updatesAxis: "updates",
    lossAxis: "loss f",
    goals: "Goals, from x = (1, 1)",
    goal1: "κ = 1: reach the minimum in a single update. Does it take momentum?",
    goal2: "κ = 10: at η ≥ 2.5, where gradient descent diverges, bring ‖x‖ to 10⁻⁶ of its start within 100 updates.",
    goal3: "κ = 100: bring the loss f to 10⁻⁶ of its start within 60 updates.",
    goal4: "κ = 100: bring ‖x‖ to 10⁻⁶ of its start within 95 updates.",
    goal5: "κ = 20: let η drop at a moment when the two conventions then part by 0.5 or more (both converge).",
    setUp: "Set up",
    reached: "reached",
    open: "not yet reached",
    step: "Step",
    play: "Play",
    pause: "Pause",
    at: (t, n) => `update ${t} of ${n}`,
    more: "More: κ, loss, rates, Adam, goals",
    less: "Less",
    reset: "Reset",
    copy: "Copy link",
    copied: "Link copied.",
    copyByHand: "Please copy the link from the address bar.",
    formula: (kappa, turned) => `, κ = ${kappa}, with the eigenvalues 1/κ and 1${turned}. From v = 0, with the gradient g:`,
    pathsText: (n, m, d) => `Contours of f. After ${n} updates momentum is at ${m}, gradient descent at ${d}.`,
    lossesText: (n, m, d) => `After ${n} updates the loss of momentum is ${m}, that of gradient descent ${d}.`,
    mapText: (r, e) => `Here the rate is ${r}; at this γ it diverges from η = ${e}.`,
  },
  zh: {
    title: "动量法实验台",
    paths: "轨迹：可以拖动起点",
    losses: "损失，按特征值拆开",
    map: "收敛率：点击选取 (η, γ)",
    start: "轨迹的起点",
    eta: "学习率 η",
    gamma: "动量参数 γ",
    kappa: "条件数 κ",
    updates: "画出的更新次数",
    convention: "η 与速度",
    inside: "η 在速度里面",
    outside: "η 在速度外面",
    nesterov: "Nesterov 加速梯度",
    adam: "Adam 的 η：每个坐标一步大约走这么远",
    rotated: "旋转 45 度",
    turned: "；图上画的是 y，即 x 旋转 45 度",
    adamAt: (a) => `Adam 到 ${a}。`,
    stays: (counts) => `f 降到起点的 10⁻⁴ 以下、不再回升所需的更新次数：${counts}`,
    decayOn: "更新几次之后 η 乘以 0.1",
    momentum: "动量法",
    nesterovName: "Nesterov",
    descent: "梯度下降",
    other: "动量法，另一种约定",
    flat: "沿 x₁，λ = 1/κ",
    steep: "沿 x₂，λ = 1",
    total: "，总损失",
    predicted: "预测的收敛率",
    measured: "实测的收敛率",
    needed: "‖x‖ 降到起点的 10⁻⁶ 所需的更新次数",
    neededLoss: "f 降到起点的 10⁻⁶ 所需的更新次数",
    never: "永远达不到",
    converges: (name) => `${name}：收敛`,
    diverges: (name, bound, left, right) => `${name}：发散，因为 ηλ > ${bound}（${left} > ${right}）`,
    atEdge: (name, bound) => `${name}：正好在稳定边界 ηλ = ${bound} 上，不收敛`,
    same: "η 不变时，η 在速度里面还是外面，走的都是同一条轨迹。",
    parts: (update) => `第 ${update} 次更新之后，两者分开：η 在速度里面时，旧的步子还是原来的大小；η 在速度外面时，旧的步子立刻随 η 一起变小。`,
    noVelocity: "γ = 0 时不保留旧的步子，两种约定走的是同一条轨迹。",
    edge: (bound) => `虚线：稳定边界 ηλ = ${bound}`,
    diverging: "斜线：发散",
    rateAxis: "收敛率（越小越快）",
    updatesAxis: "更新次数",
    lossAxis: "损失 f",
    goals: "目标，从 x = (1, 1) 出发",
    goal1: "κ = 1：只用一次更新就到达最小值点。需要动量吗？",
    goal2: "κ = 10：取 η ≥ 2.5（梯度下降会发散），在 100 次更新之内把 ‖x‖ 降到起点的 10⁻⁶。",
    goal3: "κ = 100：在 60 次更新之内把损失 f 降到起点的 10⁻⁶。",
    goal4: "κ = 100：在 95 次更新之内把 ‖x‖ 降到起点的 10⁻⁶。",
    goal5: "κ = 20：选一个时刻让 η 衰减，使两种约定的轨迹此后相距 0.5 以上（两者都收敛）。",
    setUp: "设置",
    reached: "已达到",
    open: "尚未达到",
    step: "走一步",
    play: "播放",
    pause: "暂停",
    at: (t, n) => `第 ${t} 次更新，共 ${n} 次`,
    more: "更多：κ、损失、收敛率、Adam、目标",
    less: "收起",
    reset: "重置",
    copy: "复制链接",
    copied: "链接已复制。",
    copyByHand: "请从地址栏复制链接。",
    formula: (kappa, turned) => `，κ = ${kappa}，特征值是 1/κ 和 1${turned}。g 是梯度，从 v = 0 开始：`,
    pathsText: (n, m, d) => `f 的等高线。${n} 次更新之后，动量法在 ${m}，梯度下降在 ${d}。`,
    lossesText: (n, m, d) => `${n} 次更新之后，动量法的损失是 ${m}，梯度下降的损失是 ${d}。`,
    mapText: (r, e) => `这里的收敛率是 ${r}；γ 不变时，从 η = ${e} 起发散。`,
  },
};

const fixed = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const rateText = (value) => fixed(value, Math.abs(1 - value) < 1e-3 ? 6 : 4);
const lossText = (value) => value.toExponential(1).replace("-", "−");
const pointText = ([x1, x2]) => `(${fixed(x1)}, ${fixed(x2)})`;
const boundText = (gamma, nesterov) =>
  nesterov ? "2(1+γ)/(1+2γ)" : gamma ? "2(1+γ)" : "2";

// ---------------------------------------------------------------- The drawing

const DASHES = { momentum: [], total: [], descent: [7, 4], flat: [9, 3, 2, 3], steep: [4, 3], other: [1.5, 3],
  adam: [8, 3, 2, 3, 2, 3] };
const BOUNDS = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]; // between the bands of the map
// From yellow (fast) to dark blue (slow): the lightness alone tells the order.
const BANDS = [[253, 231, 100], [217, 201, 106], [177, 169, 117], [136, 136, 126], [104, 109, 130],
  [63, 83, 127], [10, 50, 105]];

/** Make a canvas as fine as the screen; give its context and the rectangle to plot in. */
function prepare(canvas) {
  const ratio = devicePixelRatio, pen = canvas.getContext("2d");
  canvas.width = Math.round(canvas.clientWidth * ratio); // this also clears it
  canvas.height = Math.round(canvas.clientHeight * ratio);
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  pen.lineJoin = "round";
  return { pen, box: plotBox(canvas) };
}

function plotBox({ clientWidth, clientHeight }) {
  return { left: 42, top: 8, width: clientWidth - 50, height: clientHeight - 44 };
}

/** Frame the plot; `xs` and `ys` are ticks as [position in pixels, label]. */
function axes(pen, box, colours, xs, ys, xLabel, yLabel) {
  const { left, top, width, height } = box;
  pen.strokeStyle = colours.line;
  pen.fillStyle = colours.text;
  pen.lineWidth = 1;
  pen.strokeRect(left, top, width, height);
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const [x, label] of xs) {
    pen.fillRect(x - 0.5, top + height, 1, 4);
    pen.fillText(label, x, top + height + 6);
  }
  pen.fillText(xLabel, left + width / 2, top + height + 21);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const [y, label] of ys) {
    pen.fillRect(left - 4, y - 0.5, 4, 1);
    pen.fillText(label, left - 6, y);
  }
  pen.save();
  pen.translate(8, top + height / 2);
  if (yLabel.length > 2) pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(yLabel, 0, 0);
  pen.restore();
}

/** Clip what `draw` draws to the plot. */
function clipped(pen, { left, top, width, height }, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  draw();
  pen.restore();
}

/** Draw a line through points [x, y] in pixels, up to where it diverges. */
function polyline(pen, points, colour, dash, width = 2) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  for (const [x, y] of points) {
    if (!(Math.abs(x) < 1e5 && Math.abs(y) < 1e5)) break;
    pen.lineTo(x, y);
  }
  pen.stroke();
  pen.setLineDash([]);
}

/** Where x lies, turned or not: both axes at the same scale, so that the contours keep their shape. */
function pathScale(box, state) {
  const unit = box.height / (state.rotated ? 3 : 2.4), [c, s] = turn(state);
  const x0 = box.left + box.width / 2, y0 = box.top + box.height / 2;
  const back = (y1, y2) => ({ x1: fine(c * y1 - s * y2), x2: fine(s * y1 + c * y2) });
  return {
    unit,
    toPixel: (x1, x2) => [x0 + unit * (c * x1 + s * x2), y0 - unit * (c * x2 - s * x1)],
    toState: (x, y) => back((x - x0) / unit, (y0 - y) / unit),
  };
}
/** The start after it has moved on the plot. */
function moved(state, dy1, dy2) {
  const [c, s] = turn(state);
  return { x1: fine(state.x1 + c * dy1 - s * dy2), x2: fine(state.x2 + s * dy1 + c * dy2) };
}
const fine = (value) => Math.round(value * 100) / 100;
const pairs = (points) => Array.from({ length: points.length / 2 }, (_, t) => [points[2 * t], points[2 * t + 1]]);

function drawPaths(canvas, state, paths, colours) {
  const { pen, box } = prepare(canvas);
  const { unit, toPixel } = pathScale(box, state);
  const pixels = (path) => pairs(path.points).map(([x1, x2]) => toPixel(x1, x2));
  clipped(pen, box, () => {
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    for (let level = 2; level > 1e-5; level /= 3) {
      const height = unit * Math.sqrt(2 * level);
      pen.beginPath();
      pen.ellipse(...toPixel(0, 0), height * Math.sqrt(state.kappa), height, state.rotated ? Math.PI / 4 : 0, 0, 7);
      pen.stroke();
    }
    if (paths.other) polyline(pen, pixels(paths.other), colours.green, DASHES.other, 2.5);
    // Adam's markers are the largest, so that they are seen beneath the others.
    for (const [name, colour] of [["adam", colours.purple], ["descent", colours.orange], ["momentum", colours.blue]]) {
      if (!paths[name]) continue;
      const points = pixels(paths[name]);
      polyline(pen, points, colour, DASHES[name], 1.5);
      pen.fillStyle = name === "descent" ? colours.page : colour;
      for (const [x, y] of points.slice(1, 201)) { // further ones lie on top of each other
        pen.beginPath();
        if (name === "descent") pen.rect(x - 2.5, y - 2.5, 5, 5);
        else if (name === "momentum") pen.arc(x, y, 3, 0, 7);
        else for (const [dx, dy] of [[-4.5, 4], [4.5, 4], [0, -5]]) pen.lineTo(x + dx, y + dy);
        pen.closePath();
        pen.fill();
        pen.stroke();
      }
    }
    const [x, y] = toPixel(0, 0);
    polyline(pen, [[x - 6, y - 6], [x + 6, y + 6]], colours.text, []);
    polyline(pen, [[x - 6, y + 6], [x + 6, y - 6]], colours.text, []);
  });
  const ticks = [-1, 0, 1], [x0, y0] = toPixel(0, 0), name = state.rotated ? "y" : "x";
  axes(pen, box, colours, ticks.map((x) => [x0 + unit * x, fixed(x, 0)]),
    ticks.map((y) => [y0 - unit * y, fixed(y, 0)]), `${name}₁`, `${name}₂`);
  return toPixel(state.x1, state.x2);
}

const DECADES = [-10, 2]; // of the loss that are shown

function drawLosses(canvas, state, paths, colours, words) {
  const { pen, box } = prepare(canvas);
  const [low, high] = DECADES;
  const x = (t) => box.left + (box.width * t) / state.updates;
  const y = (f) => box.top + (box.height * (high - Math.log10(Math.max(f, 1e-30)))) / (high - low);
  const curve = (path, part) => pairs(path.points).map((point, t) => [x(t), y(part(...point))]);
  const [lambda1, lambda2] = eigenvalues(state.kappa);
  const total = (x1, x2) => loss(state, x1, x2);
  clipped(pen, box, () => {
    for (let n = low; n <= high; n += 2) {
      polyline(pen, [[box.left, y(10 ** n)], [box.left + box.width, y(10 ** n)]], colours.faint, [], 1);
    }
    if (state.decay) polyline(pen, [[x(state.decay), box.top], [x(state.decay), box.top + box.height]], colours.line, [], 1);
    polyline(pen, curve(paths.descent, total), colours.orange, DASHES.descent);
    polyline(pen, curve(paths.momentum, (x1) => (lambda1 * x1 * x1) / 2), colours.blue, DASHES.flat, 1.5);
    polyline(pen, curve(paths.momentum, (x1, x2) => (lambda2 * x2 * x2) / 2), colours.blue, DASHES.steep, 1.5);
    polyline(pen, curve(paths.momentum, total), colours.blue, DASHES.total, 2.5);
    if (paths.other) polyline(pen, curve(paths.other, total), colours.green, DASHES.other, 2.5);
    if (paths.adam) polyline(pen, curve(paths.adam, total), colours.purple, DASHES.adam, 2.5);
  });
  const step = [5, 10, 20, 50, 100, 200, 500].find((one) => state.updates / one <= 6);
  const xs = Array.from({ length: Math.floor(state.updates / step) + 1 }, (_, i) => [x(i * step), i * step]);
  const ys = [-10, -6, -2, 2].map((n) => [y(10 ** n), power(n)]);
  axes(pen, box, colours, xs, ys, words.updatesAxis, words.lossAxis);
}

/** Where η (logarithmic) and γ lie on the map. */
function mapScale({ left, top, width, height }) {
  const [low, high] = LIMITS.eta, span = Math.log(high / low);
  return {
    toPixel: (eta, gamma) => [left + (width * Math.log(eta / low)) / span, top + height * (1 - gamma)],
    toState: (x, y) => ({
      eta: significant(low * Math.exp((span * (x - left)) / width), 3),
      gamma: significant(1 - (y - top) / height, 3),
    }),
  };
}

/** The coloured bands, as a canvas of their own: they change with κ and Nesterov only. */
function bands(box, state) {
  const width = Math.round(box.width), height = Math.round(box.height);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
  const [lambda1, lambda2] = eigenvalues(state.kappa);
  const [low, high] = LIMITS.eta;
  const etas = Float64Array.from({ length: width }, (_, x) => low * (high / low) ** ((x + 0.5) / width));
  for (let y = 0, i = 0; y < height; y++) {
    const gamma = 1 - (y + 0.5) / height;
    for (let x = 0; x < width; x++, i += 4) {
      const worst = Math.max(rate(etas[x], gamma, lambda1, state.nesterov), rate(etas[x], gamma, lambda2, state.nesterov));
      if (worst >= 1) continue; // transparent
      let band = 0;
      while (worst >= BOUNDS[band]) band++;
      [image.data[i], image.data[i + 1], image.data[i + 2]] = BANDS[band];
      image.data[i + 3] = 255;
    }
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

function drawMap(canvas, state, colours, cache) {
  const { pen, box } = prepare(canvas);
  const { toPixel } = mapScale(box);
  const { left, top, width, height } = box;
  const key = [state.kappa, state.nesterov, width, height].join();
  if (cache.key !== key) Object.assign(cache, { key, image: bands(box, state) });
  clipped(pen, box, () => {
    for (let x = left - height; x < left + width; x += 9) { // the bands cover what converges
      polyline(pen, [[x, top + height], [x + height, top]], colours.soft, [], 1);
    }
    pen.drawImage(cache.image, left, top, width, height);
    const line = [];
    for (let i = 0; i <= 50; i++) line.push(toPixel(edge(i / 50, state.nesterov), i / 50)); // λ_max = 1
    polyline(pen, line, colours.page, [], 4);
    polyline(pen, line, colours.text, [6, 4], 2);
    if (state.decay) { // where the rates after the decay are read
      pen.lineWidth = 2;
      pen.strokeStyle = "#fff";
      pen.beginPath();
      pen.arc(...toPixel(lastEta(state), state.gamma), 5, 0, 7);
      pen.stroke();
    }
  });
  axes(pen, box, colours, [0.01, 0.1, 1, 5].map((eta) => [toPixel(eta, 0)[0], eta]),
    [0, 0.5, 1].map((gamma) => [toPixel(1, gamma)[1], gamma]), "η", "γ");
  return toPixel(state.eta, state.gamma);
}

// ---------------------------------------------------------------- The view

const OWN_STYLE = `
.grid { display: grid; gap: 14px 20px; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least, 250px)), 1fr));
  align-items: start; margin-bottom: 14px; }
legend, strong { display: block; font-weight: 600; padding: 0; }
.plot { position: relative; }
canvas { display: block; width: 100%; aspect-ratio: 4 / 3; }
/* Only the handle takes touches for itself, so that a page can be scrolled over a plot. */
.handle { position: absolute; width: 44px; height: 44px; margin: -22px; touch-action: none; cursor: grab; display: grid; place-items: center; }
.handle::after { content: ""; width: 18px; height: 18px; border-radius: 50%; border: 3px solid #fff;
  outline: 2px solid #000; box-shadow: inset 0 0 0 2px #000; }
ul { font-size: 13px; display: flex; flex-wrap: wrap; gap: 2px 12px; padding: 0; list-style: none; }
svg { width: 30px; height: 10px; margin-inline-end: 5px; }
.scale { display: grid; grid-template-columns: repeat(7, 1fr); margin: 0 8px 0 42px; font-size: 12px; }
.scale span { border-top: 10px solid; text-align: right; }
.scale b { font-weight: 400; position: relative; left: .9em; }
.beside { margin-bottom: 14px; }
.beside > figure { flex-basis: 300px; max-width: 560px; }
.controls { display: grid; gap: 10px; }
.buttons { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
button { width: 100%; }
fieldset { border: 0; padding: 0; min-width: 0; }
.choice { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: center; }
.choice label { display: flex; gap: 6px; align-items: center; }
.choice > * { width: auto; }
.choice [inputmode] { width: 5em; }
p { margin: 8px 0; }
.controls p { margin: 0; }
.note { color: var(--soft); }
.note b { color: var(--text); font: 1.05em "Cambria Math", "STIX Two Math", serif; white-space: nowrap; }
ol { padding: 0; }
ol li { display: grid; grid-template-columns: 1em minmax(0, 1fr) auto; gap: 8px; padding: 4px 0; align-items: start; }
[data-reached=true] > :first-child { color: var(--accent); font-weight: 700; }
[hidden], .small [data-large] { display: none; }
.small .buttons { grid-template-columns: 1fr; }
`;

const swatch = (name, colour, marker = "") =>
  `<svg viewBox="0 0 30 10" aria-hidden="true"><path d="M0 5H30" stroke="var(--${colour})" stroke-width="2"
    stroke-dasharray="${DASHES[name].join(" ")}"/>${marker}</svg>`;
const DOT = '<circle cx="15" cy="5" r="3.5" fill="var(--blue)"/>';
const SQUARE = '<rect x="12" y="2" width="6" height="6" fill="var(--page)" stroke="var(--orange)" stroke-width="1.5"/>';
const TRIANGLE = '<path d="M11 9h8l-4-8z" fill="var(--purple)"/>';

const handle = (name, label) =>
  `<div class="handle" id="${name}" role="slider" tabindex="0" aria-label="${label}"></div>`;

const sliders = (keys, words) => keys.map((key) => slider(key, words[key], NUMBERS[key])).join("");
const button = (id, text, rest = "") => `<button type="button" id="${id}" ${rest}>${text}</button>`;

// What has data-more is shown with “More”.
// What has data-large is not, where all is small.
const page = (words, address, small) => `
<section class="playground${small ? " small" : ""}" aria-label="${words.title}">
  <div class="beside">
    <figure><figcaption>${words.paths}</figcaption>
      <div class="plot" id="pathsPlot"><canvas id="paths" role="img"></canvas>${handle("start", words.start)}</div>
      <ul><li>${swatch("momentum", "blue", DOT)}<span data-name></span></li>
        <li>${swatch("descent", "orange", SQUARE)}${words.descent}</li>
        <li data-other>${swatch("other", "green")}${words.other}</li>
        <li data-adam>${swatch("adam", "purple", TRIANGLE)}Adam</li></ul></figure>
    <div class="controls">
      ${sliders(small ? ["gamma"] : ["eta", "gamma"], words)}
      <div class="buttons">${button("step", words.step, "data-large")}${button("play", words.play)}${button("reset", words.reset, "data-large")}</div>
      <p id="at" data-large></p>
      <p role="status" data-large><strong id="descent-verdict"></strong><strong id="momentum-verdict"></strong></p>
      <p class="note" data-large>f(x) = ½(x₁²/κ + x₂²)<span id="where"></span> <b id="formula"></b>
        <span data-adam><br>Adam: <b id="adamFormula"></b></span></p>
      <p data-adam data-large id="stays"></p>
      ${button("more", words.more, 'aria-expanded="false" data-large')}
      <div data-more class="controls">${sliders(["kappa", "updates"], words)}
        <fieldset><legend>${words.convention}</legend><div class="choice">
          ${["inside", "outside"].map((name) =>
            `<label><input type="radio" name="convention" value="${name}">${words[name]}</label>`).join("")}</div></fieldset>
        <div class="choice"><label><input type="checkbox" id="decayOn">${words.decayOn}</label>
          ${numberBox("decay", words.decayOn, LIMITS.decay)}
          <label><input type="checkbox" id="nesterov">${words.nesterov}</label></div>
        <div class="controls" id="adamPart"><div class="choice">
          <label><input type="checkbox" id="adamOn">Adam (β₁ = γ, β₂ = ${ADAM.beta2})</label>
          <label><input type="checkbox" id="rotated">${words.rotated}</label></div>
          <div data-adam>${sliders(["adam"], words)}</div></div></div>
    </div>
  </div>
  <div class="grid" data-more>
    <figure><figcaption>${words.losses}</figcaption>
      <div class="plot"><canvas id="losses" role="img"></canvas></div>
      <ul><li>${swatch("total", "blue")}<span data-name></span>${words.total}</li>
        <li>${swatch("flat", "blue")}${words.flat}</li><li>${swatch("steep", "blue")}${words.steep}</li>
        <li>${swatch("descent", "orange")}${words.descent}</li>
        <li data-other>${swatch("other", "green")}${words.other}</li>
        <li data-adam>${swatch("adam", "purple")}Adam</li></ul></figure>
    <figure><figcaption>${words.map}</figcaption>
      <div class="plot" id="mapPlot"><canvas id="map" role="img"></canvas>${handle("point", `${words.eta}, ${words.gamma}`)}</div>
      <div class="scale" aria-hidden="true">${BANDS.map((rgb, i) =>
        `<span style="border-color: rgb(${rgb})"><b>${BOUNDS[i] ?? ""}</b></span>`).join("")}</div>
      <ul><li>${words.rateAxis}</li><li>${words.diverging}</li><li id="edgeText"></li></ul></figure>
  </div>
  <div class="grid" data-more style="--least: 400px">
    <div><table>
      <thead><tr><td></td><th scope="col">${words.descent}</th><th scope="col" data-name></th></tr></thead>
      <tbody>${["predicted", "measured", "needed", "neededLoss"].map((row) =>
        `<tr><th scope="row">${words[row]}</th><td id="descent-${row}"></td><td id="momentum-${row}"></td></tr>`).join("")}</tbody></table>
      <p class="note" id="note"></p></div>
    <div><strong>${words.goals}</strong><ol>${GOALS.map((_, i) => `
      <li><span role="img"></span><span>${words[`goal${i + 1}`]}</span><button type="button" data-goal="${i}"
        aria-label="${words.setUp}: ${i + 1}">${words.setUp}</button></li>`).join("")}</ol>
      <p class="choice">${button("copy", words.copy, address ? "" : "hidden")}
        <span id="said" role="status"></span></p></div>
  </div>
</section>`.replace(/ data-more/g, "$& hidden");

const MORE = ["kappa", "convention", "nesterov", "adam", "rotated", "decay", "updates"]; // shown with “More” only

/**
 * Put a playground into an element of a page: `lang` is "zh" or "en", `state` what to begin with.
 *
 * With `address`, the state is read from the page's address, after #, and written back to it.
 * With `small`, there are the paths and γ only. `changed` is called with the state after the
 * learner's changes.
 */
export function mount(element, { lang = "en", state: first, address = false, small = false, changed = () => {} } = {}) {
  const words = WORDS[lang] ?? WORDS.en;
  // `shown` is how many updates are drawn; undefined: all; `playing`, when the first of them was.
  let frame = 0, timer = 0, paths, shown, playing;
  const redraw = () => { frame ||= requestAnimationFrame(draw); };
  const view = attach(element, lang, OWN_STYLE, page(words, address, small), redraw);
  const { root, on } = view;
  const $ = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const given = address ? parse(location.hash) : undefined; // else the fragment is a heading's
  let state = given ?? valid(first);
  const reached = new Set();
  const cache = {};

  function draw() {
    frame = 0;
    paths ??= simulate(state);
    if (playing) {
      const passed = (performance.now() - playing) / pace();
      shown = passed < state.updates ? Math.floor(passed) : stop();
      if (playing) redraw();
    }
    const upTo = shown ?? state.updates;
    const part = Object.fromEntries(Object.entries(paths).map(([name, path]) =>
      [name, path && { ...path, points: path.points.subarray(0, 2 * upTo + 2) }]));
    showNumbers(part, upTo);
    if ($("#paths").clientWidth < 100) return; // hidden, or not laid out yet
    const colours = THEMES[$(".playground").dataset.theme];
    place($("#start"), drawPaths($("#paths"), state, part, colours));
    if ($("[data-more]").hidden) return;
    drawLosses($("#losses"), state, part, colours, words);
    place($("#point"), drawMap($("#map"), state, colours, cache));
  }
  const pace = () => Math.min(66, 6000 / state.updates); // milliseconds for an update that plays
  /** End what plays; all updates are shown. */
  function stop() {
    playing = shown = undefined;
  }
  function unfold(open) {
    for (const one of all("[data-more]")) one.hidden = !open;
    $("#more").ariaExpanded = open;
    write($("#more"), open ? words.less : words.more);
    redraw();
  }
  const place = (one, [x, y]) => Object.assign(one.style, { left: `${x}px`, top: `${y}px` });

  function verdict(name, gamma, nesterov) {
    const h = lastEta(state), bound = edge(gamma, nesterov), text = boundText(gamma, nesterov); // λ_max = 1
    if (Math.abs(h / bound - 1) < 1e-12) return words.atEdge(name, text);
    return h > bound ? words.diverges(name, text, significant(h, 4), significant(bound, 4)) : words.converges(name);
  }

  function showNumbers(part, upTo) {
    const { eta, gamma, kappa, nesterov, decay, convention, updates, rotated } = state;
    const name = nesterov ? words.nesterovName : words.momentum;
    for (const one of all("[data-name]")) write(one, name);
    for (const name of ["other", "adam"]) for (const one of all(`[data-${name}]`)) one.hidden = !paths[name];
    for (const [method, g, ahead, called] of [["descent", 0, false, words.descent], ["momentum", gamma, nesterov, name]]) {
      const { measured, needed, neededLoss } = paths[method];
      const predicted = worstRate(lastEta(state), g, kappa, ahead);
      const count = (n) => (n < Infinity ? String(n) : predicted < 1 ? `> ${LIMIT}` : words.never);
      write($(`#${method}-predicted`), rateText(predicted));
      write($(`#${method}-measured`), measured >= 0 ? rateText(measured) : "—");
      write($(`#${method}-needed`), count(needed));
      write($(`#${method}-neededLoss`), count(neededLoss));
      write($(`#${method}-verdict`), verdict(called, g, ahead)); // said aloud only when it changes
    }
    write($("#note"), !gamma ? words.noVelocity : decay ? words.parts(decay) : words.same);
    const at = nesterov ? (convention === "inside" ? "x − γv" : "x − ηγv") : "x";
    write($("#formula"), convention === "inside" ? `v ← γv + ηg(${at}), x ← x − v` : `v ← γv + g(${at}), x ← x − ηv`);
    write($("#edgeText"), words.edge(boundText(1, nesterov)));
    write($("#where"), words.formula(kappa, rotated ? words.turned : ""));
    const y = rotated ? "y" : "x";
    write($("#adamFormula"), `${y} ← ${y} − ηm̂/(√ŝ + 10⁻⁸)`);
    write($("#play"), playing ? words.pause : words.play);
    $("#at").ariaLive = playing ? "off" : "polite"; // each step is said aloud
    write($("#at"), words.at(upTo, updates));
    const methods = ["momentum", "descent", ...(paths.adam ? ["adam"] : [])];
    const ends = methods.map((method) => [...part[method].points.slice(-2)]);
    const said = (text, [m, d, a]) => text(upTo, m, d) + (a ? words.adamAt(a) : "");
    $("#paths").ariaLabel = said(words.pathsText, ends.map(pointText));
    $("#losses").ariaLabel = said(words.lossesText, ends.map((end) => lossText(loss(state, ...end))));
    if (paths.adam) {
      const counts = methods.map((method) => stays(state, paths[method].points));
      write($("#stays"), words.stays([name, words.descent, "Adam"].map((one, i) =>
        `${one} ${counts[i] < Infinity ? counts[i] : `> ${updates}`}`).join(" · ")));
    }
    $("#map").ariaLabel = words.mapText(rateText(worstRate(eta, gamma, kappa, nesterov)), fixed(edge(gamma, nesterov)));
    GOALS.forEach((goal, i) => {
      if (goal.reached(state, paths)) reached.add(i);
      const item = $("ol").children[i], done = reached.has(i);
      item.dataset.reached = done;
      write(item.firstElementChild, done ? "✓" : "○");
      item.firstElementChild.ariaLabel = done ? words.reached : words.open;
    });
  }

  const showNumberControls = connectNumbers(view, NUMBERS, () => state, change);
  function showControls() {
    showNumberControls();
    for (const radio of all("[name=convention]")) radio.checked = radio.value === state.convention;
    for (const key of ["nesterov", "rotated"]) $(`#${key}`).checked = state[key];
    $("#adamOn").checked = state.adam > 0;
    $("#decayOn").checked = state.decay > 0;
    for (const [name, key, text] of [
      ["start", "x1", `x₁ = ${fixed(state.x1)}, x₂ = ${fixed(state.x2)}`],
      ["point", "eta", `η = ${state.eta}, γ = ${state.gamma}`],
    ]) {
      Object.assign($(`#${name}`), { ariaValueMin: LIMITS[key][0], ariaValueMax: LIMITS[key][1], ariaValueNow: state[key], ariaValueText: text });
    }
  }

  function show(given) {
    state = valid(given);
    paths = undefined;
    stop();
    showControls();
    redraw();
  }
  function change(part) {
    show({ ...state, ...part });
    changed({ ...state });
    write($("#said"), "");
    if (!address) return;
    clearTimeout(timer);
    timer = setTimeout(writeAddress, 250);
  }
  const writeAddress = () => history.replaceState(history.state, "", `#${format(state)}`);

  /** Let a point be dragged over its plot, or sent there by a click, or moved by the arrow keys. */
  function draggable(plot, point, scale, step) {
    const canvas = plot.querySelector("canvas");
    let held = false;
    const go = (event) => {
      const { left, top } = canvas.getBoundingClientRect();
      change(scale(plotBox(canvas), state).toState(event.clientX - left, event.clientY - top));
    };
    on(plot, "pointerdown", (event) => {
      if (event.button || (event.pointerType === "touch" && event.target !== point)) return; // it may scroll
      plot.setPointerCapture(event.pointerId);
      point.focus({ preventScroll: true });
      held = true;
      go(event);
    });
    on(plot, "mousedown", (event) => event.preventDefault()); // keeps the focus on the point
    on(plot, "pointermove", (event) => held && go(event));
    for (const type of ["pointerup", "pointercancel"]) on(plot, type, () => { held = false; });
    on(plot, "click", go);
    on(point, "keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      change(step(...way.map((one) => one * (event.shiftKey ? 10 : 1))));
    });
  }
  draggable($("#pathsPlot"), $("#start"), pathScale, (dx, dy) => moved(state, 0.02 * dx, 0.02 * dy));
  draggable($("#mapPlot"), $("#point"), mapScale, (dx, dy) => ({
    ...(dx && { eta: significant(state.eta * 1.02 ** dx, 3) }),
    ...(dy && { gamma: significant(state.gamma + 0.01 * dy, 3) }),
  }));

  for (const radio of all("[name=convention]")) on(radio, "change", () => change({ convention: radio.value }));
  for (const key of ["nesterov", "rotated"]) on($(`#${key}`), "change", (event) => change({ [key]: event.target.checked }));
  on($("#adamOn"), "change", (event) => change({ adam: event.target.checked ? ADAM.on : 0 }));
  on($("#decayOn"), "change", (event) => change({ decay: event.target.checked ? Math.ceil(state.updates / 6) : 0 }));
  for (const button of all("[data-goal]")) on(button, "click", () => change(GOALS[button.dataset.goal].setup));
  on($("#more"), "click", () => unfold($("#more").ariaExpanded !== "true"));
  on($("#step"), "click", () => {
    playing = undefined;
    shown = shown < state.updates ? shown + 1 : 1;
    redraw();
  });
  on($("#play"), "click", () => {
    if (playing) playing = undefined;
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) stop();
    else playing = performance.now() - (shown ?? 0) * pace();
    redraw();
  });
  on($("#reset"), "click", () => change(valid(address ? {} : first)));
  on($("#copy"), "click", () => {
    writeAddress();
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    copied.then(() => words.copied, () => words.copyByHand).then((text) => write($("#said"), text));
  });
  if (address) on(window, "hashchange", () => {
    const other = parse(location.hash);
    if (other) show(other);
  });

  const resizer = new ResizeObserver(redraw);
  resizer.observe($("#paths"));
  if (state.adam || state.rotated) $(".buttons").before($("#adamPart")); // what it begins with is in sight
  show(state);
  unfold(Boolean(given) && MORE.some((key) => given[key] !== DEFAULTS[key]));

  return {
    get state() { return { ...state }; },
    set: show,
    destroy() {
      resizer.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      view.leave();
    },
  };
}

export default frontEnd(mount);
