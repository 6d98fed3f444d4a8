-- A sum through a count, as near as a double comes to it; null where no number can hold it, or nothing was counted.
TRY_CAST((:sum) / nullif(count(:value), 0) AS DECIMAL(38, 12))
