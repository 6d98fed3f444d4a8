-- The average of numbers to 12 places, and a 13th that says on which side the rest lies: a number of 12 places is over,
-- under or equal to this value exactly when it is so to the average itself. The first quotient is a guess; what it leaves
-- of the sum mends it, and the sign of what is then left is the 13th place.
CAST(:close AS DECIMAL(38, 13))
+ CAST(sign(sum(:value) - :close * count(:value)) * 0.0000000000001 AS DECIMAL(38, 13))
