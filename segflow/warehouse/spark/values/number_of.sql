-- `text`, a text without blanks around it, is written once. The null beside it is there because Sail wants a list that can hold one.
transform(array(:plain, NULL), it -> :number)[0]
