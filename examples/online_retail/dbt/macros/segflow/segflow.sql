{#- Copied to dbt/macros/segflow/ by `segflow compile`; do not edit the copy.

    What generated models and .sql segments know about the tick that builds them. `segflow tick` passes it as the var
    `segflow` (tick_id, bounds). A plain `dbt build` passes nothing and gets the last tick's values, so that
    people can build and test the models by hand and see what that tick saw. -#}

{#- The SQL text of a time bound of this tick, for example TIMESTAMP '2026-01-31 00:00:00'. -#}
{%- macro bound(key) -%}
    {%- if not execute -%}
        {{ return("cast(null as timestamp)") }}
    {%- endif -%}
    {%- set bounds = segflow_tick_value("bounds") -%}
    {%- if key not in bounds -%}
        {{ exceptions.raise_compiler_error(
            "segflow: this tick has no time bound '" ~ key ~ "': the generated models are newer or older than the tick. "
            ~ "Run `segflow compile`, then `segflow tick`."
        ) }}
    {%- endif -%}
    {{ return(bounds[key]) }}
{%- endmacro -%}

{#- The moment that this tick looks at, as SQL text: a naive timestamp in UTC. -#}
{%- macro as_of() -%}
    {{ return(bound("as_of")) }}
{%- endmacro -%}

{#- The tick's id as a quoted SQL string. -#}
{%- macro tick_id() -%}
    {%- if not execute -%}
        {{ return("cast(null as varchar)") }}
    {%- endif -%}
    {{ return(dbt.string_literal(dbt.escape_single_quotes(segflow_tick_value("tick_id")))) }}
{%- endmacro -%}

{#- `tick_id` or `bounds`: from the var, else from the last tick in the warehouse. -#}
{%- macro segflow_tick_value(name) -%}
    {%- set given = var("segflow", {}) -%}
    {%- if name in given -%}
        {{ return(given[name]) }}
    {%- endif -%}
    {%- set ticks = adapter.get_relation(database=target.database, schema="segflow", identifier="ticks") -%}
    {%- set last = none -%}
    {%- if ticks is not none -%}
        {%- set last = run_query(
            "select tick_id, bounds from " ~ ticks ~ " where bounds is not null order by tick_id desc limit 1"
        ) -%}
    {%- endif -%}
    {%- if last is none or last.rows | length == 0 -%}
        {{ exceptions.raise_compiler_error(
            "segflow: no tick has run in this warehouse, so there is no time to build for. Run `segflow tick` first."
        ) }}
    {%- endif -%}
    {%- set row = last.rows[0] -%}
    {{ return(row["tick_id"] | string if name == "tick_id" else fromjson(row["bounds"])) }}
{%- endmacro -%}
