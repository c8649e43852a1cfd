"""Reading the files that say who the accounts are; pure: from bytes to accounts or problems."""
