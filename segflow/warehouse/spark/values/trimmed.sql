trim(BOTH ' \t\n\r' FROM CAST(:value AS STRING))
