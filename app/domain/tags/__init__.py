"""The vocabulary of a team's tags: colours, counts, renaming and merging across its todos."""
