-- An alias; what is posted under it afterwards makes a name of its own.
delete from event_names
where name_key = :name_key
  and alias_of is not null
  and moving_from is null;
