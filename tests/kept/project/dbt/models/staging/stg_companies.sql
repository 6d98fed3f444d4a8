select * from raw.companies
