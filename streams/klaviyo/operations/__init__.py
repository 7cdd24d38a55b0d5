"""Operations that carry out intents in Klaviyo, with a verdict for each intent."""
