/*
description: [[ description | yaml ]]
*/
-- A segment may be one SELECT that returns contact_id, over your own models.
[[ query ]]
