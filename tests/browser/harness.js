// What the browser tests ask of JupyterLab, in one object on the page. It goes through
// `window.jupyterapp` (jupyter lab --expose-app-in-browser), so that no test depends on menus.
// Paths are relative to the server's root; cells are counted from 0.

window.harness = (() => {
  const app = () => window.jupyterapp;

  function panel(path) {
    for (const widget of app().shell.widgets("main")) {
      if (widget.context?.path === path) return widget;
    }
    throw new Error(`harness: ${path} is not open`);
  }

  const kernel = (path) => panel(path).sessionContext.session?.kernel;

  function within(seconds, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
      const error = new Error(`harness: ${what} took more than ${seconds} s`);
      timer = setTimeout(() => reject(error), 1000 * seconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  async function arrival(path) {
    for (;;) {
      for (const widget of app().shell.widgets("main")) if (widget.context?.path === path) return widget;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function open({ path, seconds, alone }) {
    const opening = (async () => {
      const widget = alone
        ? await arrival(path) // Notebook 7: the page is this one document
        : await app().commands.execute("docmanager:open", { path, factory: "Notebook" });
      await widget.context.ready;
      await widget.sessionContext.ready;
      await widget.revealed;
      await kernel(path).info;
      app().shell.activateById(widget.id);
    })();
    await within(seconds, `opening ${path}`, opening);
  }

  const idle = (path) => kernel(path)?.status === "idle";

  function outputs({ path, cell }) {
    const model = panel(path).content.widgets[cell].model;
    return model.type === "code" ? model.outputs.toJSON() : [];
  }

  // Resolve to the index of the first cell that failed, or to -1.
  function failed(path) {
    return panel(path).content.widgets.findIndex(
      (_, cell) => outputs({ path, cell }).some((output) => output.output_type === "error"),
    );
  }

  async function run({ path, cell, seconds, wait }) {
    const { content, id } = panel(path);
    app().shell.activateById(id);
    let running;
    if (cell === null) {
      running = app().commands.execute("notebook:run-all-cells");
    } else {
      content.deselectAll();
      content.activeCellIndex = cell;
      running = app().commands.execute("notebook:run-cell");
    }
    if (!wait) {
      running.catch(() => {}); // a page that closes meanwhile is no error
      return -1;
    }
    await within(seconds, cell === null ? `running ${path}` : `cell ${cell}`, running);
    return failed(path);
  }

  // Run code in the notebook's kernel, beside the notebook: no cell, no history.
  async function execute({ path, code, expression, seconds }) {
    const request = {
      code,
      store_history: false,
      allow_stdin: true, // as a cell has it: without, the kernel takes itself for headless
      stop_on_error: false,
      user_expressions: expression === null ? {} : { value: expression },
    };
    const future = kernel(path).requestExecute(request);
    let stdout = "";
    future.onIOPub = (message) => {
      if (message.header.msg_type === "stream") stdout += message.content.text;
    };
    try {
      const { content } = await within(seconds, "the kernel's answer", future.done);
      return { stdout, reply: content };
    } finally {
      future.dispose();
    }
  }

  const theme = (name) => app().commands.execute("apputils:change-theme", { theme: name });

  async function restartKernel({ path, seconds }) {
    await within(seconds, "the restart", panel(path).sessionContext.session.kernel.restart());
  }

  const save = (path) => panel(path).context.save();

  // Drop the kernel's connection, as a network that changes; JupyterLab makes another one.
  const cut = (path) => kernel(path)._ws.close(4001, "cut by a test");

  async function close(path) {
    await panel(path).sessionContext.shutdown();
  }

  return { open, idle, outputs, run, execute, theme, restartKernel, save, cut, close };
})();
