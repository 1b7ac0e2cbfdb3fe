// Completes the title page, opens every image at once, and fits what is wider than the paper: for
// one wide table Chromium would shrink the whole book.
async (cover) => {
  document.querySelector('#jb-print-docs-body h1').insertAdjacentHTML('afterend', cover);
  const images = [...document.querySelectorAll('.bd-article img')];
  images.forEach(image => { image.loading = 'eager'; });
  const broken = [];
  await Promise.all(images.map(image => image.decode().catch(() => broken.push(image.src))));
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  for (const wide of document.querySelectorAll('.bd-article :is(table, mjx-container)')) {
    const room = wide.parentElement.clientWidth;
    if (room && wide.offsetWidth > room) { wide.style.zoom = room / wide.offsetWidth; }
  }
  return broken;
}
