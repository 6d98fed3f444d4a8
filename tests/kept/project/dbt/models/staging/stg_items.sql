select * from raw.items
