"""What has been found, as frozen classes that are written as result.json and read from it; see docs/result_json.md."""
