() => {
  // Says beside the title how many questions wait for the models, and for how long.
  const ask = async () => {
    const said = document.getElementById("hv-waiting");
    if (!said || document.hidden) return;
    try {
      const { queue } = await (await fetch("health")).json();
      const many = queue.waiting === 1 ? "1 question waits" : `${queue.waiting} questions wait`;
      said.textContent = queue.waiting ? `${many} for the models, about ${Math.ceil(queue.wait_s)} s` : "";
    } catch {
      said.textContent = "The server does not answer. Try again in a minute.";
    }
  };
  setInterval(ask, 3000);
  ask();
}
