"""What commands take: options made from the request fields, times, bars, regions, paths, and what a shell completes."""
