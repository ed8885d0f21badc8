// The web edition's own part of each page: language link, widgets, exercises, search.

const language = document.documentElement.lang.slice(0, 2);
const content = document.documentElement.dataset.content_root;

// Give where one reads: what the address says, if it begins in sight, or else the section or exercise
// that has begun in the upper third of the window, or above it.
function place() {
  if (location.hash.includes("=")) return location.hash; // a state
  const named = location.hash && document.getElementById(location.hash.slice(1))?.getBoundingClientRect();
  if (named && named.top >= 0 && named.top < innerHeight) return location.hash;
  const above = [...document.querySelectorAll("article section section[id], article .exercise[id]")].filter(
    (one) => one.getBoundingClientRect().top <= innerHeight / 3,
  );
  return above.length ? `#${above.at(-1).id}` : "";
}

// The link to the other language leads to the same place on the page, in the same state.
function keepPlace(link) {
  const update = () => Object.assign(link, { search: location.search, hash: place() });
  link.addEventListener("pointerdown", update);
  link.addEventListener("click", update);
}

// On a phone the contents are in a dialog; it closes when one has chosen.
function closeWhenChosen() {
  document.addEventListener("click", ({ target }) => target.closest?.('a[href*="#"]')?.closest("dialog")?.close());
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: address, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

// A module comes as a string in a plain script: a page opened from a file cannot import a file.
const modules = {};
function loadModule(name) {
  modules[name] ??= loadScript(`${content}_static/${name}.js`).then(() =>
    import(URL.createObjectURL(new Blob([globalThis[`${name}Module`]], { type: "text/javascript" }))),
  );
  return modules[name];
}

async function mountPlayground(element) {
  const { mount } = await loadModule("playground");
  return () => mount(element, {
    lang: language,
    state: JSON.parse(element.dataset.playground),
    address: "address" in element.dataset,
    small: "small" in element.dataset,
  });
}

async function mountTraining(element) {
  const { name, state } = JSON.parse(element.dataset.training);
  const data = loadScript(`${content}_static/training-${name}.js`);
  const { mount } = await loadModule("training");
  await data;
  return () => mount(element, { lang: language, experiment: trainingData[name], state });
}

// The picture of a widget in the notebook stands in its place until it comes.
const removePicture = (element) => element.previousElementSibling?.querySelector(".cell_output")?.remove();

async function mountWidget(element) {
  const mount = await ("playground" in element.dataset ? mountPlayground : mountTraining)(element);
  element.replaceChildren();
  mount();
  removePicture(element);
  freeRoom(element);
}

// Widgets and exercises come late and need room. When a page is opened again, they have at once what
// they took before, and when the formulas are drawn, the page is scrolled to where one was: the browser
// does so too, but before.
const late = () => [...document.querySelectorAll("[data-playground], [data-training], [data-exercise]")];
const roomKey = () => `momentum-lab-room ${location.pathname} ${innerWidth}`;

// What a widget that has not come yet takes is in no place but its style, if it is known.
function roomOf(element) {
  const waiting = !element.dataset.exercise && element.querySelector(":scope > noscript");
  return waiting ? parseFloat(element.style.minHeight) || 0 : element.offsetHeight;
}

function keepRoom() {
  try {
    sessionStorage.setItem(roomKey(), JSON.stringify({ rooms: late().map(roomOf), top: scrollY }));
  } catch {} // where nothing can be kept, the page moves
}

function giveRoom() {
  let kept;
  try {
    kept = JSON.parse(sessionStorage.getItem(roomKey()));
  } catch {}
  if (!kept) return;
  const { rooms, top } = kept;
  for (const [i, element] of late().entries()) {
    if (!rooms[i]) continue;
    element.style.minHeight = `${rooms[i]}px`;
    if (!element.dataset.exercise) removePicture(element);
  }
  if (performance.getEntriesByType("navigation")[0]?.type !== "navigate") returnTo(top);
}

function returnTo(top) {
  let moved = false; // by the reader
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(kind, () => (moved = true), { once: true, passive: true });
  }
  addEventListener("load", async () => {
    await window.MathJax?.startup.promise;
    if (!moved) scrollTo({ top, behavior: "instant" });
  });
}

const freeRoom = (element) => requestAnimationFrame(() => (element.style.minHeight = ""));

function mountWidgetsNearby() {
  const nearby = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        nearby.unobserve(target);
        mountWidget(target);
      }
    },
    { rootMargin: "500px" },
  );
  document.querySelectorAll("[data-playground], [data-training]").forEach((element) => nearby.observe(element));
}

// All of a page's exercises, once the first of them comes near.
function mountExercisesNearby() {
  const first = document.querySelector("[data-exercise]");
  if (!first) return;
  const nearby = new IntersectionObserver(
    async ([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      nearby.disconnect();
      const names = ["exercise", `exercises/${first.dataset.chapter}`];
      await Promise.all(names.map((name) => loadScript(`${content}_static/${name}.js`)));
      momentumExercises.mount();
      document.querySelectorAll("[data-exercise]").forEach(freeRoom);
    },
    { rootMargin: "100000px 0px 500px" }, // near, or passed
  );
  nearby.observe(first);
}

// The search's text is loaded when one is about to search: on its page, or in the dialog of each.
let searchScripts;
const loadSearch = () =>
  (searchScripts ??= Promise.all(["search-index", "search"].map((name) => loadScript(`${content}_static/${name}.js`))));

async function search(form) {
  form.elements.q.value = new URLSearchParams(location.search).get("q") ?? "";
  await loadSearch();
  const [status, list] = ["status", "results"].map((id) => document.getElementById(id));
  momentumSearch.connect(form, status, list, (query) => {
    const search = query && `?${new URLSearchParams({ q: query })}`;
    history.replaceState(history.state, "", location.pathname + search + location.hash);
  });
}

function searchInDialog(dialog) {
  const form = dialog.querySelector("form");
  form.addEventListener("focusin", async () => {
    const [status, list] = [document.createElement("p"), document.createElement("ol")];
    status.setAttribute("role", "status");
    list.className = "found";
    dialog.append(status, list);
    await loadSearch();
    momentumSearch.connect(form, status, list);
    list.addEventListener("click", ({ target }) => target.closest("a") && dialog.close());
  }, { once: true });
}

// What scrolls inside itself can be scrolled with the keyboard. A formula in a line does so if it is
// wider than the line.
function letScroll() {
  for (const one of document.querySelectorAll("article mjx-container:not([display])")) {
    const line = one.closest("p, li, td, th, dd, h1, h2, h3") ?? one.parentElement;
    one.classList.toggle("wide", one.querySelector("svg")?.getBoundingClientRect().width > line.clientWidth);
  }
  for (const one of document.querySelectorAll("article :is(pre, mjx-container[display], .wide), .pst-scrollable-table-container")) {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
    fade(one);
  }
}

// Code fades where it goes on beyond the edge.
function fade(one) {
  if (one.tagName === "PRE") one.classList.toggle("more", one.scrollWidth - one.clientWidth - one.scrollLeft > 8);
}

addEventListener("pagehide", keepRoom);

document.addEventListener("DOMContentLoaded", () => {
  giveRoom();
  keepPlace(document.querySelector("a.language"));
  closeWhenChosen();
  mountWidgetsNearby();
  mountExercisesNearby();
  const form = document.querySelector("article form[role=search]");
  if (form) search(form);
  const dialog = document.querySelector("dialog#pst-search-dialog");
  if (dialog) searchInDialog(dialog);
});

addEventListener("load", async () => {
  await window.MathJax?.startup.promise;
  // Not only when the window is resized: the side bars take their room after it.
  document.addEventListener("scroll", ({ target }) => target.tagName && fade(target), true);
  new ResizeObserver(letScroll).observe(document.querySelector("article"));
});
