"""From a text of a document to a value of a column's type: cleaned, converted, or refused with a reason."""
