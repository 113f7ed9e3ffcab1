"""From a module to a component: ``python -m hookcast.build chat.py -o chat.wasm``.

A component exports what its world says and imports what its world says, so the world is
made from the module: `source` reads which hooks it defines and which host functions it
uses, `world` writes them down, and `component` has componentize-py do the rest.
"""
