// The web edition's own part of each page: language link, widgets, exercises, search.

const language = document.documentElement.lang.slice(0, 2);
const content = document.documentElement.dataset.content_root;

// The link to the other language leads to the same place on the page, in the same state.
function keepPlace(link) {
  const update = () => Object.assign(link, { search: location.search, hash: location.hash });
  link.addEventListener("pointerdown", update);
  link.addEventListener("click", update);
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
  });
}

async function mountTraining(element) {
  const { name, state } = JSON.parse(element.dataset.training);
  const data = loadScript(`${content}_static/training-${name}.js`);
  const { mount } = await loadModule("training");
  await data;
  return () => mount(element, { lang: language, experiment: trainingData[name], state });
}

async function mountWidget(element) {
  const mount = await ("playground" in element.dataset ? mountPlayground : mountTraining)(element);
  element.replaceChildren();
  mount();
  // The picture of it in the notebook, which stood here until now.
  element.previousElementSibling?.querySelector(".cell_output")?.remove();
}

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
    },
    { rootMargin: "100000px 0px 500px" }, // near, or passed
  );
  nearby.observe(first);
}

// Pagefind also finds pages with the parts of a phrase: good for English words, but the characters
// of a Chinese word mean something else. Pages with the phrase itself are told apart here; Pagefind
// puts spaces between Chinese words.
const bare = (text) => text.toLowerCase().replace(/<[^>]*>|\s/g, "");

function result({ meta, sub_results }, query) {
  const has = ({ excerpt }) => bare(excerpt).includes(bare(query));
  const [best] = sub_results.toSorted(
    (a, b) => has(b) - has(a) || b.locations.length - a.locations.length,
  );
  const link = Object.assign(document.createElement("a"), { href: best.url });
  link.textContent = best.title === meta.title ? meta.title : `${meta.title}: ${best.title}`;
  const text = document.createElement("p"); // whose marks are Pagefind's, which escapes the rest
  text.innerHTML = best.excerpt.replace(/(?<=\p{Script=Han}) (?=\p{Script=Han})/gu, "");
  const item = document.createElement("li");
  item.append(link, text);
  return item;
}

async function search(form) {
  const query = new URLSearchParams(location.search).get("q")?.trim();
  if (!query) return;
  form.elements.q.value = query;
  const [status, list] = ["status", "results"].map((id) => document.getElementById(id));
  if (location.protocol === "file:") {
    status.textContent = status.dataset.file;
    return;
  }
  const pagefind = await import(new URL(`${content}pagefind/pagefind.js`, location));
  const { results } = await pagefind.search(query);
  const found = await Promise.all(results.map((one) => one.data()));
  const exact = found.filter((page) => bare(page.content).includes(bare(query)));
  const others = language === "zh" && exact.length ? [] : found.filter((page) => !exact.includes(page));
  const pages = [...exact, ...others];
  list.append(...pages.map((page) => result(page, query)));
  status.textContent = (pages.length ? status.dataset.found : status.dataset.none)
    .replace("{n}", pages.length)
    .replace("{q}", query);
}

// What scrolls inside itself can be scrolled with the keyboard.
function letScroll() {
  for (const one of document.querySelectorAll("article pre, article mjx-container, .pst-scrollable-table-container")) {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  keepPlace(document.querySelector("a.language"));
  mountWidgetsNearby();
  mountExercisesNearby();
  const form = document.querySelector("article form[role=search]");
  if (form) search(form);
});

addEventListener("load", async () => {
  await window.MathJax?.startup.promise;
  // Not only when the window is resized: the side bars take their room after it.
  new ResizeObserver(letScroll).observe(document.querySelector("article"));
});
