select * from temp.positions where false
