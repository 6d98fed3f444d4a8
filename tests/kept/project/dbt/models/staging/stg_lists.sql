select * from raw.lists
