"""The tracker and the torrent servers as services: they run until they are stopped, and reconnect until then.

    clientjoin tracker --embedded-broker                  # in one terminal
    clientjoin torrent --id torrent-1 --share FOLDER      # in another

Begin with `run`, which makes a service from its `settings`; `supervisor` keeps one server of charts (`server`)
connected, `store` keeps what a tracker knows, and `status` always knows why a server is not a member. `topics` and
`acl` are about names on the bus, `web` is what is seen from outside. What a service needs in addition to what charts
need is the extra `services`; what it survives stands in README.md.
"""
