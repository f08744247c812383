"""What can be changed of a film, region by region (`regions`), and each such experiment by name (`catalogue`)."""
