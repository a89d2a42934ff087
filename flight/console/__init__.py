"""What the three console commands share: exit codes, parser, verb dispatch, output."""
