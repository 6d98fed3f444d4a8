{#- Copied to dbt/macros/segflow/ by `segflow compile`; do not edit the copy.

    A schema that a model asks for is used as it is. dbt's own rule would put the target's schema in front of it
    (main_segflow), and the engine, exports and dashboards all read schema segflow. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
