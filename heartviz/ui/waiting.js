() => {
  // Says beside the title how many questions wait for the models, and for how long.
  const ask = async () => {
    const said = document.getElementById("hv-waiting");
    if (!said || document.hidden) return;
    try {
      const { queue } = await (await fetch("health")).json();
      const seconds = Math.ceil(queue.wait_s);
      const one = `1 question waits for the models, about ${seconds} s`;
      const many = `${queue.waiting} questions wait for the models, about ${seconds} s`;
      said.textContent = queue.waiting ? (queue.waiting === 1 ? one : many) : "";
    } catch {
      said.textContent = "The server does not answer. Try again in a minute.";
    }
  };
  setInterval(ask, 3000);
  ask();
}
