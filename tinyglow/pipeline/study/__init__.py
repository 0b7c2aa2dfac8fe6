"""All that is known of one compilation: what ``tinyglow report`` shows."""
