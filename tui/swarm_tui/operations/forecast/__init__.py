"""What a plan will come to, by the leader's own rules, on the cluster as a client sees it.

Entry points: `changed.changed` turns a plan's steps into objects before and after, `play.forecast` plays them through and gives
a `model.Forecast`.
"""
