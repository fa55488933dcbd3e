/** `GET /docs`: the routes of `openapi.json` for people, without anything from elsewhere. */
export const docsPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Weir HTTP API</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2330; background: #fff }
  @media (prefers-color-scheme: dark) { body { color: #dde3ec; background: #12161d } pre { background: #1b212b !important } }
  h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; text-transform: capitalize }
  details { border-top: 1px solid #8884; padding: .4rem 0 } summary { cursor: pointer }
  code { font: 13px ui-monospace, monospace } b { display: inline-block; width: 4.5rem; font: 600 13px ui-monospace, monospace }
  pre { background: #f3f5f8; padding: .8rem; overflow: auto; border-radius: 6px }
</style>
<h1>Weir HTTP API</h1>
<p>Made from <a href="openapi.json">openapi.json</a>. Send <code>Authorization: Bearer &lt;token&gt;</code>.</p>
<main>Loading …</main>
<script type="module">
  const { paths } = await (await fetch('openapi.json')).json();
  const main = document.querySelector('main');
  main.textContent = '';
  const groups = new Map();
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, call] of Object.entries(item)) {
      const tag = call.tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method, call });
    }
  }
  const make = (name, text, ...children) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  };
  for (const [tag, calls] of groups) {
    main.append(make('h2', tag));
    for (const { path, method, call } of calls) {
      const summary = make('summary', '', make('b', method.toUpperCase()), make('code', path), make('span', ' ' + (call.summary ?? '')));
      const shown = { parameters: call.parameters, body: call.requestBody?.content, answers: call.responses };
      main.append(make('details', '', summary, make('pre', JSON.stringify(shown, null, 2))));
    }
  }
</script>
</html>
`;
