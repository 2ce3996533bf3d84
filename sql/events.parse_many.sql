-- Many events as binary JSON: the statements that insert them need not each parse it anew.
select jsonb(:events);
