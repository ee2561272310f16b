"""Stacks, headless: prepared as a plan, carried out wave by wave, looked at, rotated, removed (docs/design/stacks.md 12.7 to 12.9).

Entry points: `look.look` (what the cluster holds), `prepare.prepare` (files to a plan), `deploy.deploy`, `rotate.rotate`, `remove.remove`.
"""
