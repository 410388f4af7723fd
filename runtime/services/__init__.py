"""The tracker and the torrent servers as services: they run until they are told to stop, and reconnect until then.

    clientjoin tracker --embedded-broker                  # in one terminal
    clientjoin torrent --id torrent-1 --share FOLDER      # in another

`settings` are read from flags, the environment and a TOML file; `supervisor` runs one server of charts (`server`) over
any number of connections; `status` always knows why it is not a member. What a service needs beside the charts' own
dependencies is the extra `services`.
"""
