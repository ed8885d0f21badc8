// The search: looks for what one types, just so, in all the text of the pages in this language.
//
// web/search.py writes the text into `searchIndex`: {page: [title, [[id, heading, parts], …]]},
// where a part is a text, a formula, [TeX, as one would type it], or {code: text}.

(() => {
  const WORDS = {
    en: {
      colon: ": ",
      found: (n, q) => `Pages with “${q}”: ${n}.`,
      all: (n, q) => `No page has “${q}” just so. Pages with all of these words: ${n}.`,
      none: (q) => `Nothing found for “${q}”.`,
    },
    zh: {
      colon: "：",
      found: (n, q) => `有 ${n} 页含有“${q}”。`,
      all: (n, q) => `没有连在一起的“${q}”。含有其中每个词的页：${n}。`,
      none: (q) => `没有找到“${q}”。`,
    },
  };
  const words = WORDS[document.documentElement.lang.slice(0, 2)] ?? WORDS.en;
  const content = document.documentElement.dataset.content_root;

  const LINE = "\u2003"; // ends a line of code
  const SIGN = { "-": "[-−‐–]", "'": "['’]", "’": "['’]", '"': '["“”]' };
  const isPart = (sign) => /[\p{Script=Latin}\p{N}.,'’]/u.test(sign);

  // Give the pattern of a query. Case does not count, nor how wide a sign or a space is, nor spaces
  // around Chinese and signs, nor whether a hyphen or a space is between two words. A word may go on
  // ("loss", "losses"), but begins where the query does; a number is the whole number.
  function pattern(query) {
    const signs = [...query.normalize("NFKC").trim()];
    let text = "";
    let before;
    let apart = false;
    signs.forEach((sign, i) => {
      const between = isPart(before ?? "") && isPart(signs[i + 1] ?? "");
      if (/\s/.test(sign) || (sign === "-" && between)) {
        apart = true;
        return;
      }
      if (before) text += isPart(before) && isPart(sign) ? (apart ? "[\\p{Zs}\\-−‐–]+" : "") : "\\p{Zs}*";
      text += SIGN[sign] ?? sign.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
      [before, apart] = [sign, false];
    });
    if (isPart(signs[0] ?? "")) text = `(?<![\\p{Script=Latin}\\p{N}]|\\p{N}[.,])${text}`;
    if (/\p{N}/u.test(before ?? "")) text += "(?!\\p{N}|[.,]\\p{N})";
    return new RegExp(text, "giu");
  }

  const texts = new Map(); // of parts, put together once
  function textOf(parts) {
    if (!texts.has(parts)) texts.set(parts, parts.map(plain).join(""));
    return texts.get(parts);
  }
  const plain = (part) => (Array.isArray(part) ? part[1] : part.code ?? part);

  // Tell, for the text of parts, whether a place in it is in code.
  function codeIn(parts) {
    let at = 0;
    const ranges = parts.map((part) => [part.code, at, (at += plain(part).length)]);
    return (place) => ranges.some(([code, from, to]) => code && from <= place && place < to);
  }

  // Give the pages where a pattern is found, those with it in a heading, in text and most often first.
  function pagesWith(sought) {
    const found = [];
    for (const [address, [title, sections]] of Object.entries(searchIndex)) {
      const hits = [];
      for (const [id, heading, parts] of sections) {
        const text = textOf(parts);
        const places = [...text.matchAll(sought)].map((match) => [match.index, match.index + match[0].length]);
        const inHeading = heading.search(sought) >= 0;
        if (!places.length && !inHeading) continue;
        const isCode = codeIn(parts);
        const first = places.find(([place]) => !isCode(place));
        hits.push({ id, heading, parts, places, first: first ?? places[0], inText: Boolean(first), inHeading });
      }
      if (!hits.length) continue;
      hits.sort((a, b) => b.inHeading - a.inHeading || b.inText - a.inText || b.places.length - a.places.length);
      const count = hits.reduce((sum, hit) => sum + hit.places.length + hit.inHeading, 0);
      found.push({ address, title, best: hits[0], inTitle: title.search(sought) >= 0, count });
    }
    const order = ({ inTitle, best, count }) => [inTitle, best.inHeading, best.inText, count];
    return found.sort((a, b) => {
      const [one, other] = [order(a), order(b)];
      return other.map((value, i) => value - one[i]).find(Boolean) ?? 0;
    });
  }

  function find(query) {
    if (!query.trim()) return { pages: [], said: "" };
    let pages = pagesWith(pattern(query));
    if (pages.length) return { pages, said: words.found(pages.length, query) };
    const each = query.trim().split(/\s+/).map((word) => pagesWith(pattern(word)));
    pages = each[0].filter(({ address }) => each.every((all) => all.some((one) => one.address === address)));
    if (each.length > 1 && pages.length) return { pages, said: words.all(pages.length, query) };
    return { pages: [], said: words.none(query) };
  }

  // Give what stands around a place, each place marked; formulas are whole, and on the line
  // of the mark after them.
  function excerpt({ parts, places, first: begin }) {
    const whole = textOf(parts);
    const splitsWord = (place) => /^[\p{Script=Latin}\p{N}_.]{2}$/u.test(whole.slice(place - 1, place + 1));
    const [first, last] = begin ?? [0, 0];
    let [from, to] = [Math.max(0, first - 60), last + 100];
    while (from < first && splitsWord(from)) from++;
    while (splitsWord(to)) to++;
    const shown = document.createElement("p");
    const make = (text, marked, className = "") =>
      Object.assign(document.createElement(marked ? "mark" : "span"), { textContent: apart(text), className });
    // Where a line ends without a mark, as in code and tables, there is one between it and the next.
    const apart = (text) => text.replace(/(^|[^])\n(?=[^])/g, (_, end) => (/[\p{P}\s]/u.test(end) ? `${end} ` : `${end} · `)).replaceAll(LINE, "\n");
    const put = (text, marked, className) => {
      const [, mark, rest] = /^([，。、；：！？）》”,.;:!?)]*)(.*)$/s.exec(text);
      const before = shown.lastChild;
      if (mark && before?.classList.contains("math")) {
        const joined = make("", false, "joined");
        before.replaceWith(joined);
        joined.append(before, make(mark, marked));
        text = rest;
      }
      shown.append(make(text, marked, className));
    };
    let at = 0;
    if (from > 0) put("… ");
    for (const part of parts) {
      const text = plain(part);
      const end = at + text.length;
      const inside = places.filter(([a, b]) => a < end && b > Math.max(at, from));
      if (Array.isArray(part)) {
        if (end > from && at < to) put(`\\(${part[0]}\\)`, inside.length, "math");
      } else {
        let done = Math.max(at, from);
        const last = Math.min(end, to);
        const look = part.code ? "code" : "";
        if (look && end > from && at < to && shown.lastChild) shown.append(document.createElement("br"));
        for (const [a, b] of inside) {
          if (a >= last) break;
          if (a > done) put(text.slice(done - at, a - at), false, look);
          put(text.slice(Math.max(a, at, done) - at, Math.min(b, last) - at), true, look);
          done = Math.min(b, last);
        }
        if (last > done) put(text.slice(done - at, last - at), false, look);
      }
      at = end;
    }
    if (at > to) put(" …");
    return shown;
  }

  function item({ address, title, best }) {
    const link = document.createElement("a");
    link.href = `${content}${address}#${best.id}`;
    link.textContent = best.heading === title ? title : `${title}${words.colon}${best.heading}`;
    const one = document.createElement("li");
    one.append(link, excerpt(best));
    return one;
  }

  // The formulas of excerpts are drawn as those of the pages are, by the script that they load.
  let drawing;
  async function draw(list) {
    if (!list.textContent.includes("\\(")) return;
    if (!window.MathJax?.typesetPromise) {
      window.MathJax ??= { options: { enableMenu: false }, startup: { typeset: false } };
      await (drawing ??= loadScript(`${content}../mathjax/tex-svg-full.js`));
      await MathJax.startup.promise;
    }
    MathJax.typesetClear?.([list]);
    await MathJax.typesetPromise([list]);
  }

  /** Show in `list` and `status` what is found for the text of a form's field, as one types. */
  function connect(form, status, list, typedIn = () => {}) {
    const field = form.elements.q;
    let shown;
    const show = () => {
      const query = field.value.trim();
      if (query === shown) return;
      shown = query;
      const { pages, said } = find(query);
      status.textContent = said;
      list.replaceChildren(...pages.map(item));
      typedIn(query);
      draw(list);
    };
    field.addEventListener("input", (event) => event.isComposing || show());
    field.addEventListener("compositionend", show);
    show();
  }

  window.momentumSearch = { connect, find, pattern };
})();
