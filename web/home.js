// The home: how far the reader is in each chapter, as exercise.js keeps it on the device.

(() => {
  function isDone(key) {
    try {
      return Boolean(JSON.parse(localStorage.getItem(key))?.done);
    } catch {
      return false;
    }
  }

  function tick() {
    let keys = [];
    try {
      keys = Object.keys(localStorage).filter(isDone);
    } catch {} // nothing is kept where there is no localStorage
    for (const place of document.querySelectorAll("p[data-chapter]")) {
      const { chapter, exercises, words } = place.dataset;
      const done = keys.filter((key) => key.startsWith(`momentum-lab/${chapter}/`)).length;
      place.hidden = !done;
      place.textContent = `${done >= exercises ? "✓ " : ""}${words.replace("{n}", done)}`;
    }
  }

  addEventListener("pageshow", tick); // also when one comes back to it
  addEventListener("storage", tick); // and when another window has answered
})();
