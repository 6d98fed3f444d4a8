{#- Copied to dbt/macros/segflow/ by `segflow compile`; do not edit the copy.

    Like `table`, in one statement. dbt's own builds beside the old table and renames twice, which costs a third of the
    time of a small model; DuckDB replaces a table at once, and readers see the old one or the new one. -#}
{% materialization segflow_table, adapter='duckdb' %}

    {%- set relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if existing is not none and not existing.is_table -%}
        {{ adapter.drop_relation(existing) }}
    {%- endif -%}

    {#- A tick has seen to it; whoever runs dbt by hand may have a profile without a zone, on a machine with another. -#}
    {%- if not var("segflow", {}) -%}
        {% do run_query("set TimeZone = 'UTC'") %}
    {%- endif -%}

    {% call statement('main') -%}
        create or replace table {{ relation }} as (
            {{ sql }}
        )
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [relation]}) }}

{% endmaterialization %}
