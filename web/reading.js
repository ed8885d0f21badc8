// What makes pages good to read: code that can be copied, and a light page on paper.

(() => {
  const WORDS = { en: ["Copy", "Copied", "Not copied"], zh: ["复制", "已复制", "没能复制"] };
  const [copy, copied, failed] = WORDS[document.documentElement.lang.slice(0, 2)] ?? WORDS.en;

  function addCopyButton(block) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "copy", textContent: copy });
    button.addEventListener("click", async () => {
      const code = block.querySelector("pre").textContent.replace(/\n$/, "");
      button.textContent = await navigator.clipboard.writeText(code).then(() => copied, () => failed);
      setTimeout(() => (button.textContent = copy), 2000);
    });
    block.append(button);
  }

  // Printed in the dark, a page would be pale on white.
  let theme;
  function whilePrinting({ matches }) {
    const { dataset } = document.documentElement;
    if (matches) {
      theme = dataset.theme;
      dataset.theme = "light";
    } else if (theme) {
      dataset.theme = theme;
    }
  }
  matchMedia("print").addEventListener("change", whilePrinting);

  // A table whose rows a phone shows as blocks is still one to a screen reader.
  const ROLES = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "columnheader", td: "cell" };
  function nameParts(table) {
    for (const [tag, role] of Object.entries(ROLES)) {
      for (const one of [table, ...table.querySelectorAll(tag)]) if (one.matches(tag)) one.setAttribute("role", role);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table.terms").forEach(nameParts);
    const blocks = "article .cell_input .highlight, article [class*=highlight-] > .highlight";
    if (navigator.clipboard) new Set(document.querySelectorAll(blocks)).forEach(addCopyButton);
  });
})();
