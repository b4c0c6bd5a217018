/* The page that recordings are dropped on: what is dropped goes into the form, and the form goes to this machine. */
"use strict";
(() => {
  const form = document.querySelector("form"), area = document.querySelector(".drop");
  const files = document.querySelector("input[type=file]"), state = document.querySelector("[role=status]");
  const most = Number(form.dataset.mostBytes), many = Number(form.dataset.mostFiles);
  function send() {
    if (!files.files.length) return;
    const bytes = [...files.files].reduce((sum, file) => sum + file.size, 0);
    if (files.files.length > many) state.textContent = `At most ${many} files at a time.`;
    else if (bytes > most) state.textContent = `At most ${Math.floor(most / 1048576)} MB at a time.`;
    else { state.textContent = "Reading …"; form.submit(); }
  }
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    files.files = event.dataTransfer.files;
    send();
  });
  files.addEventListener("change", send);
})();
