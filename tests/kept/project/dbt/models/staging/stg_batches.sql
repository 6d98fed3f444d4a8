select * from raw.batches
