{#- A schema that a model asks for is used as it is: staging, not main_staging. -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}
