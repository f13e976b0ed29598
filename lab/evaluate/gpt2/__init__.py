"""Task files of GPT-2's zero-shot tasks (the suite `gpt2`), and the documents that they ask about."""
