// The exercises of a page: fields that judge as the notebook's checks do, and room to write code.
//
// What a page asks, and every sentence that it says, comes from the declarations in course/checks
// by way of web/exercises.py, in `exerciseData`. A plain script, so that a page opened from a file
// can load it.
//
// What a reader has done stays on the reader's device, in localStorage, whatever the language:
//   "momentum-lab/CHAPTER/CELL" -> {"done": true, "tried": true, "answers": ["6"], "code": "…"}
// CHAPTER is the notebook's name, CELL the id of the exercise's cell; each part may be missing.
// `momentumProgress(CHAPTER)` gives how many exercises of a chapter are done.

(() => {
  // Numbers, as a learner may type them: Python's arithmetic, brackets, a few functions.

  const NUMBER = /\s*((?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?|[a-z]\w*(?:\.\w+)*|\*\*|[-+*/()])/iy;
  const NAMES = { inf: Infinity, infinity: Infinity, nan: NaN, pi: Math.PI, e: Math.E };
  const FUNCTIONS = { sqrt: Math.sqrt, exp: Math.exp, log: Math.log, ln: Math.log };

  // Full width, and the signs of a formula
  const plain = (text) =>
    text
      .trim()
      .replace(/[\uff01-\uff5e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0))
      .replace(/[−–]/g, "-")
      .replace(/[×·]/g, "*")
      .replace(/÷/g, "/")
      .replace(/∞/g, "inf");

  function fail() {
    throw new SyntaxError();
  }

  // Python raises an exception where JavaScript makes infinity, or no number, of finite numbers.
  const orFail = (value, ...of) => (Number.isFinite(value) || !of.every(Number.isFinite) ? value : fail());

  function arithmetic(text) {
    const tokens = [];
    for (NUMBER.lastIndex = 0; NUMBER.lastIndex < text.length; ) {
      tokens.push((NUMBER.exec(text) ?? fail())[1].toLowerCase());
    }
    const take = (...signs) => signs.includes(tokens[0]) && tokens.shift();
    function atom() {
      const token = tokens.shift() ?? fail();
      if (token === "(") {
        const value = sum();
        return take(")") ? value : fail();
      }
      if (/^[\d.]/.test(token)) return Number(token.replaceAll("_", ""));
      const name = token.replace(/^(math|np|numpy)\./, "");
      if (Object.hasOwn(FUNCTIONS, name) && take("(")) {
        const value = sum();
        return take(")") ? orFail(FUNCTIONS[name](value), value) : fail();
      }
      return Object.hasOwn(NAMES, name) ? NAMES[name] : fail();
    }
    function power() {
      const base = atom();
      if (!take("**")) return base;
      const exponent = signed();
      return orFail(base ** exponent, base, exponent);
    }
    function signed() {
      const sign = take("-", "+");
      return sign ? (sign === "-" ? -signed() : signed()) : power();
    }
    function product() {
      let value = signed();
      for (let sign; (sign = take("*", "/")); ) {
        const factor = signed();
        value = sign === "*" ? value * factor : factor === 0 ? fail() : value / factor;
      }
      return value;
    }
    function sum() {
      let value = product();
      for (let sign; (sign = take("+", "-")); ) {
        value += sign === "+" ? product() : -product();
      }
      return value;
    }
    const value = sum();
    return tokens.length ? fail() : value + 0; // no minus zero
  }

  // Give a number, or the text itself if it is none.
  function numberOf(text) {
    try {
      return arithmetic(plain(text));
    } catch {
      return text;
    }
  }

  // Values in a sentence, as Python writes them

  // Python rounds a tie to the even digit.
  function rounded(value, digits) {
    const [exact, exponent] = Math.abs(value).toExponential(60).split("e");
    if (!/^50*$/.test(exact.slice(digits + 1)) || !/[02468]/.test(exact[digits])) {
      return value.toExponential(digits - 1);
    }
    return `${value < 0 ? "-" : ""}${exact.slice(0, digits + 1)}e${exponent}`;
  }

  // Python's format "g"
  function general(value) {
    if (!Number.isFinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan";
    const [digits, text] = rounded(value, 6).split("e");
    const exponent = Number(text);
    if (exponent >= -4 && exponent < 6) {
      const fixed = Number(`${digits}e${text}`).toFixed(5 - exponent);
      return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
    }
    const sign = exponent < 0 ? "-" : "+";
    return `${digits.replace(/\.?0+$/, "")}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }

  // Python's repr of a text or of a number that is none, in one line of at most 60 characters
  function shown(value) {
    if (typeof value === "number") return "nan";
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const escapes = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", [quote]: `\\${quote}` };
    const inside = Array.from(value, (sign) => {
      if (sign in escapes) return escapes[sign];
      if (sign === " " || !/[\p{C}\p{Z}]/u.test(sign)) return sign;
      const code = sign.codePointAt(0).toString(16);
      const [letter, width] = code.length < 3 ? ["x", 2] : code.length < 5 ? ["u", 4] : ["U", 8];
      return `\\${letter}${code.padStart(width, "0")}`;
    });
    const text = Array.from(`${quote}${inside.join("")}${quote}`.replace(/ +/g, " "));
    return text.length <= 60 ? text.join("") : `${text.slice(0, 59).join("")}…`;
  }

  // Judging: course/checks/questions.py and answers.py, sentence by sentence

  const holds = (set, value) =>
    set.some(([low, high]) => Number(low) <= value && value <= Number(high));

  // Give {value}, or {refused: what is wrong with an answer}.
  function taken(field, text) {
    if (!field.words) {
      const value = numberOf(text);
      if (typeof value === "number" && !Number.isNaN(value)) {
        return { value: Number.isFinite(value) ? Number(rounded(value, 7)) : value };
      }
      const sentence = typeof value === "number" ? field.noNumber : field.text;
      return { refused: sentence.replace("{shown}", () => shown(value)) };
    }
    const found = {};
    for (const [word, ways] of Object.entries(field.words)) {
      const any = [word, ...ways].map((way) => way.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
      const said = text
        .toLowerCase()
        .match(new RegExp(`((?:not|n't) (?:[\\p{L}\\p{N}_]+ )?|[不没][会是变得更]*)?(${any})`, "u"));
      if (said) found[word] = said[1];
    }
    const [value, ...others] = Object.keys(found);
    if (value === undefined || others.length || found[value]) {
      return { refused: field.text.replace("{shown}", () => shown(text)) };
    }
    return { value };
  }

  // Give the hint on a field's value, if it is not right.
  function told(field, value) {
    if (field.words) return field.mistakes[value];
    if (holds(field.right, value)) return undefined;
    const row = field.mistakes.find(([set]) => holds(set, value));
    return row ? row[1] : field.otherwise;
  }

  // Give [kind, sentence] for what stands in the fields of a question.
  function judge(question, texts) {
    if (texts.some((text) => !text.trim())) return ["unanswered", question.unanswered];
    const values = [];
    for (const [i, text] of texts.entries()) {
      const { value, refused } = taken(question.fields[i], text.trim());
      if (refused) return ["wrong", refused];
      values.push(value);
    }
    for (const [sets, sentence] of question.together) {
      if (values.every((value, i) => !sets[i] || holds(sets[i], value))) return ["wrong", sentence];
    }
    for (const [i, value] of values.entries()) {
      const hint = told(question.fields[i], value);
      if (hint) return ["wrong", hint.replaceAll("{value:g}", () => general(value))];
    }
    return ["right", question.right];
  }

  // What stays on the device

  const unkept = {}; // where there is no localStorage

  function kept(key) {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      return unkept[key] ?? {};
    }
  }

  function keep(key, news) {
    unkept[key] = { ...kept(key), ...news };
    try {
      localStorage.setItem(key, JSON.stringify(unkept[key]));
    } catch {} // for as long as the page is open, then
  }

  function progress(chapter) {
    let keys = Object.keys(unkept);
    try {
      keys = Object.keys(localStorage);
    } catch {}
    return keys.filter((key) => key.startsWith(`momentum-lab/${chapter}/`) && kept(key).done).length;
  }

  // The page

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Text with `code`
  const words = (text) =>
    text.split("`").map((part, i) => (i % 2 ? make("code", { textContent: part }) : part));

  function showVerdict(place, [kind, sentence]) {
    const { sign, colour, opening } = exerciseData.looks[kind];
    place.className = "verdict";
    place.style.setProperty("--look", colour);
    const mark = make("span", { className: "sign", textContent: sign, ariaHidden: "true" });
    place.replaceChildren(
      mark,
      " ",
      make("strong", { textContent: opening.trim() }),
      opening.endsWith(" ") ? " " : "", // none after "。"
      ...words(sentence),
    );
  }

  const name = (field, hint) => [
    make("code", { textContent: field.name }),
    make("span", { className: "hint", textContent: hint }),
  ];

  function numberField(field, id, hint) {
    const input = make("input", { id, type: "text", autocomplete: "off", spellcheck: false, enterKeyHint: "done" });
    input.setAttribute("autocapitalize", "off");
    const label = make("label", { htmlFor: id }, ...name(field, hint));
    return {
      element: make("div", { className: "field" }, label, input),
      get: () => input.value,
      set: (value) => (input.value = value),
    };
  }

  function choiceField(field, id, hint) {
    const label = make("span", { id, className: "label" }, ...name(field, hint));
    const buttons = Object.entries(field.labels).map(([word, text]) =>
      make("button", { type: "button", value: word, textContent: text }),
    );
    const set = (word) => buttons.forEach((one) => (one.ariaPressed = String(one.value === word)));
    const get = () => buttons.find((one) => one.ariaPressed === "true")?.value ?? "";
    set("");
    const group = make("div", { className: "choices" }, ...buttons);
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", id);
    for (const one of buttons) {
      one.addEventListener("click", () => {
        set(one.value === get() ? "" : one.value);
        one.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
    return { element: make("div", { className: "field" }, label, group), get, set };
  }

  function mountQuestion(place, question, key, onChange) {
    const say = exerciseData.words;
    const fields = question.fields.map((field, i) => {
      const id = `${place.dataset.exercise}-field-${i}`;
      return field.words ? choiceField(field, id, say.choice) : numberField(field, id, say.number);
    });
    const before = kept(key).answers ?? [];
    fields.forEach((field, i) => field.set(before[i] ?? ""));
    const verdict = make("div");
    verdict.setAttribute("role", "status");
    const check = make("button", { type: "submit", className: "check", textContent: say.check });
    const form = make("form", {}, ...fields.map((field) => field.element), check, verdict);
    form.setAttribute("aria-label", say.form);
    form.addEventListener("input", () => {
      verdict.className = "";
      verdict.replaceChildren(); // it was on another answer
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answers = fields.map((field) => field.get());
      const found = judge(question, answers);
      showVerdict(verdict, found);
      keep(key, { answers, ...(found[0] === "right" && { done: true }) });
      onChange();
    });
    place.append(form);
  }

  function mountCode(place, starter, key, onChange) {
    const say = exerciseData.words;
    const { code, tried, done } = kept(key);
    const id = `${place.dataset.exercise}-code`;
    const area = make("textarea", { id, value: code ?? starter, spellcheck: false, wrap: "off", tabIndex: 0 });
    const grow = () => (area.rows = Math.max(4, area.value.split("\n").length + 1));
    area.setAttribute("autocapitalize", "off");
    grow();
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault(); // the next line begins below this one
      const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
      const indent = line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : "");
      document.execCommand("insertText", false, `\n${indent}`);
    });
    const solution = place.querySelector("details.solution");
    const trying = make("button", { type: "button", textContent: say.tried });
    const locked = make("p", { className: "locked" }, trying, ` ${say.locked}`);
    const unlock = () => {
      solution.hidden = false;
      locked.remove();
      keep(key, { tried: true });
    };
    area.addEventListener("input", () => {
      grow();
      keep(key, { code: area.value });
      if (!kept(key).tried) unlock();
    });
    trying.addEventListener("click", () => {
      unlock();
      solution.open = true;
      solution.querySelector("summary").focus();
    });
    const box = make("input", { type: "checkbox", checked: Boolean(done) });
    box.addEventListener("change", () => {
      keep(key, { done: box.checked });
      onChange();
    });
    const write = make(
      "details",
      { className: "write", open: code !== undefined },
      make("summary", { textContent: say.write }),
      make("label", { htmlFor: id, textContent: say.kept }),
      area,
    );
    place.prepend(write);
    place.append(make("p", {}, make("label", {}, box, ` ${say.solved}`)));
    if (tried) return;
    solution.hidden = true;
    solution.before(locked);
  }

  function mount() {
    const places = document.querySelectorAll("[data-exercise]");
    const say = exerciseData.words;
    const count = document.querySelector("[data-progress]");
    for (const place of places) {
      const { exercise, chapter } = place.dataset;
      const key = `momentum-lab/${chapter}/${exercise}`;
      const tick = make("p", { className: "done", textContent: `✓ ${say.done}` });
      const onChange = () => {
        tick.hidden = !kept(key).done;
        if (!count) return;
        count.textContent = say.progress.replace("{n}", progress(chapter)).replace("{all}", places.length);
      };
      const { question, starter } = exerciseData.exercises[exercise];
      if (question) mountQuestion(place, question, key, onChange);
      else mountCode(place, starter, key, onChange);
      place.append(tick);
      onChange();
    }
  }

  Object.assign(window, { momentumExercises: { judge, mount }, momentumProgress: progress });
})();
