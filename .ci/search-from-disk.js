// Browsers give a page that comes from the disk no workers; the search of the site asks for one. Here it is a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #inside; // the frame's window, once the worker's script has run in it

    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.#inside = new Promise((ready, failed) => {
        frame.onload = () => {
          const inside = frame.contentWindow;
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = inside.document.createElement("script");
          script.onload = () => ready(inside);
          script.onerror = () => failed(new Error(`${address} cannot be read`));
          script.src = address;
          inside.document.head.append(script);
        };
      });
      document.body.append(frame);
    }

    async postMessage(data) {
      const inside = await this.#inside;
      inside.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
